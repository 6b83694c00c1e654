"""No family uses a key twice, in any config, and no two things a run draws come from one key.

What a run does with keys is walked by value: how it starts, three of its steps on two devices, and
every evaluation that draws. What shares keys on purpose is named here, and checked to do so.
"""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gen_jax import config as configs
from gen_jax.audit.key_rules import collisions, faults
from gen_jax.core import keys
from gen_jax.evals import latents
from gen_jax.families import FAMILIES, vae, vae_model
from tests.audit.runs import SPEC, evaluating, training
from tests.shrink import shrink

FOLDER = Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))

SHARED = {
    ("another observe", "observe"): "a picture's pixels are the same to all who look at it",
    ("prior", "sample"): "the latents are those that are decoded",
    ("denoise", "denoise"): "noise of a kind is the same at every level of it",
}
"""Pairs of functions that draw from the same keys, and why; "another" is one compiled apart."""

DROPOUT = {"encoder.dropout": 0.3, "generator.dropout": 0.3}
JUDGE_DROPOUT = {"generator.dropout": 0.3, "discriminator.dropout": 0.3}
BITS = {"loss.likelihood": "bernoulli", "loss.binarise": "dynamic"}
SHOWN = {"discriminator.augment": ("color", "translation", "cutout")}


def corrupted(kind):
    return {"loss.corruption": kind, "loss.corruption_level": 0.3}


VARIANTS = {
    "cvae_gan, all terms": (
        "cvae_gan_shapes",
        {f"loss.{name}_weight": 1.0 for name in ("feature", "mean_feature", "classifier")}
        | {"ema_decay": 0.9, "loss.adversarial_to_encoder": False, "init_std": 0.02},
    ),
    "vae, dropout": ("vae_mnist", DROPOUT | BITS | {"loss.num_samples": 3}),
    "vae, tcvae": ("vae_conv_mnist", DROPOUT | {"loss.objective": "tcvae"}),
    "vae, factor": ("vae_mnist", DROPOUT | BITS | {"loss.objective": "factor", "loss.gamma": 3.0}),
    "vae, iwae": (
        "vae_mnist",
        DROPOUT
        | BITS
        | {"loss.objective": "iwae", "loss.num_samples": 3, "loss.beta": 1.0}
        | {"loss.reconstruction_weight": 1.0},
    ),
    "vae, gaussian": ("vae_cifar10", corrupted("gaussian")),
    "vae, masking": ("vae_mnist", BITS | DROPOUT | corrupted("masking")),
    "vae, salt and pepper": ("ae_mnist", DROPOUT | corrupted("salt_and_pepper")),
    "gan, wgan_gp": ("wgan_gp_cifar10", JUDGE_DROPOUT | SHOWN),
    "gan, r1": ("dcgan_cifar10_sn_ttur", JUDGE_DROPOUT | {"loss.penalty": "r1"}),
    "gan, dragan": ("fcgan_mnist", JUDGE_DROPOUT | {"loss.penalty": "dragan", "n_critic": 2}),
    "gan, dragan, pack": (
        "wgan_gp_cifar10",
        {"loss.penalty": "dragan", "discriminator.pack": 2, "n_critic": 1} | SHOWN,
    ),
    "gan, codes": (
        "infogan_mnist",
        JUDGE_DROPOUT | SHOWN | {"codes.categorical": 3, "codes.continuous": 2, "init_std": 0.02},
    ),
    "classifier": ("judge_mnist", {"classifier.augment": ("flip", "shift")}),
}


def config_of(name, overrides=()):
    config = shrink(configs.load(FOLDER / f"{name}.py"))
    config.update_from_flattened_dict(dict(overrides))
    # Frozen networks are applied without keys, and their file is of another run.
    config.perceptual.weight = 0.0
    return config


@pytest.fixture
def uses(monkeypatch):
    """Config -> uses by program, of a run from its first key to its evaluation."""
    as_it_is = SimpleNamespace(asarray=lambda x, dtype: x, arange=np.arange, float64=np.float64)
    monkeypatch.setattr(latents, "np", as_it_is)

    def walk(config):
        family = FAMILIES[config.family](config, SPEC)
        programs, state = training(config, family)
        return programs | evaluating(config, family, state, monkeypatch)

    return walk


def pair_of(fault):
    """The two functions that share keys, as in `SHARED`."""
    (first, *its), (second, *others) = (name.split() for name in sorted({*fault.programs}))
    another = "another " if first == second and its[0] != others[0] else ""
    return tuple(sorted((another + first, second)))


def of_penalised_masks(use):
    """Whether it is the dropout of a critic whose gradient is penalised."""
    penalised = any("losses/penalties.py" in frame for frame in use.where)
    return penalised and use.where[0].startswith("nets/layers.py")


@pytest.mark.parametrize("name", [*NAMES, *VARIANTS])
def test_no_key_is_used_twice(name, uses):
    programs = uses(config_of(*VARIANTS.get(name, (name, {}))))
    for program, used in programs.items():
        # The penalty is of the very function that judged the real images: its masks are theirs.
        masks = {use[:3] for use in used if of_penalised_masks(use)}
        own = [use for use in used if not of_penalised_masks(use)]
        assert masks <= {use[:3] for use in own}
        assert not faults(own), "\n".join([f"in {program}:", *map(str, faults(own))])

    met = {pair_of(fault): fault for fault in collisions(programs)}
    unnamed = [str(fault) for pair, fault in met.items() if pair not in SHARED]
    assert not unnamed, "\n".join(unnamed)
    drawing = [n for n, used in programs.items() if any(use.kind == "draw" for use in used)]
    calls = Counter(program.split()[0] for program in drawing)
    for first, second in SHARED:
        one = first.removeprefix("another ")
        both = calls[one] > (one == second) and calls[second] > 0
        assert ((first, second) in met) == both, f"{first} and {second} do not share keys"


@pytest.mark.parametrize(
    "name", ["cvae_gan, all terms", "vae, factor", "gan, dragan", "classifier"]
)
def test_devices_share_out_the_draws_of_one(name, uses):
    # What no device has to itself is drawn once in their common jaxpr, and missing here.
    config = config_of(*VARIANTS[name])
    family = FAMILIES[config.family](config, SPEC)
    one, two = (training(config, family, n, steps=1)[0]["step 0"] for n in (1, 2))
    assert {use[:3] for use in one} == {use[:3] for use in two}


def test_runs_of_two_seeds_share_no_key(uses):
    one, other = config_of("vae_mnist"), config_of("vae_mnist", {"seed": 43})
    family = FAMILIES[one.family](one, SPEC)
    runs = [
        {f"{name} of {config.seed}": used for name, used in training(config, family)[0].items()}
        for config in (one, other)
    ]
    assert not collisions(runs[0] | runs[1])


def test_a_step_without_its_number_would_be_found(uses, monkeypatch):
    monkeypatch.setattr(keys, "at_step", lambda key, step: key)
    config = config_of("vae_mnist")
    programs, _ = training(config, FAMILIES[config.family](config, SPEC))
    found = collisions(programs)
    assert {fault.programs for fault in found} >= {("step 0", "step 1")}
    assert "families/vae_model.py" in str(found[0])


def test_one_key_for_two_draws_of_an_example_would_be_found(uses, monkeypatch):
    draws = vae_model.draws
    monkeypatch.setattr(vae, "draws", lambda keys: (d := draws(keys))._replace(binarise=d.noise))
    config = config_of("vae_mnist", BITS)
    programs, _ = training(config, FAMILIES[config.family](config, SPEC))
    (fault,) = faults(programs["step 0"])
    assert len(fault.keys) == config.batch_size
    assert all(part in str(fault) for part in ("losses/likelihoods.py", "families/vae_model.py"))
