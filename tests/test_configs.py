"""Every config in configs/ runs from a command line to its report."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import config as configs
from gen_jax import launch, modes
from gen_jax.core import parallel
from gen_jax.data import Batches
from gen_jax.data.spec import DataSpec
from gen_jax.features import classifier
from gen_jax.job import load
from gen_jax.nets.classifier import Classifier
from gen_jax.queue import commands
from gen_jax.train import steps
from tests.shrink import shrink

FOLDER = Path(__file__).parents[1] / "configs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))

# One of each family: drawing the curves takes as long as two steps of most.
REPORTED = ("cvae_gan_shapes", "vae_mnist", "classifier_mnist", "cgan_cifar100")
# So do the evaluations at the end. These differ from a reported one in what they are asked.
EVALUATED = (
    *REPORTED,
    *("ae_mnist", "beta_vae_shapes", "cvae_mnist", "vae_2d_mnist", "vae_anomaly_mnist"),
    *("vae_cifar10_perceptual", "vae_denoise_mnist"),
    *("fcgan_mnist", "gan_ring", "infogan_mnist", "wgan_gp_mnist"),
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The file of a classifier of the images that `shrink` makes, untrained."""
    net, spec = Classifier((2, 2, 2), 3), DataSpec("tiny", (16, 16, 3), 3, tuple("abc"), 9)
    variables = net.init(jax.random.key(0), jnp.zeros((1, *spec.shape)), False)
    path = tmp_path_factory.mktemp("weights") / "classifier.npz"
    np.savez(path, allow_pickle=False, **classifier.pack(net, variables, spec))
    return path


@pytest.fixture
def command(tmp_path, monkeypatch, request):
    """The arguments that train a config, made small."""
    load = configs.load
    monkeypatch.setattr(configs, "load", lambda path: shrink(load(path)))

    def command(name):
        overrides = []
        if "perceptual" in name:
            overrides = [f"--config.perceptual.weights={request.getfixturevalue('weights')}"]
        return [f"--config={FOLDER / name}.py", f"--workdir={tmp_path}", *overrides]

    return command


# Compiling takes longer than all else here: of the others it is known that they could be.
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(EVALUATED)))
def test_the_step_of_a_config_can_be_traced(name, command):
    job = launch.parse(command(name))
    parts = load(job)
    batches = Batches(parts.train, job.config.batch_size, 0, False, parts.family.draws)
    state = jax.eval_shape(lambda: parallel.replicate(parts.family.init(jax.random.key(0))))
    program = parallel.pmap(steps.on_device(parts.family, job.config))
    batch = parallel.shard(batches.batch(0), axis=1)
    after, metrics = jax.eval_shape(program, state, batch, steps.root(job.config))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), after) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), state
    )
    assert metrics


@pytest.mark.parametrize("name", EVALUATED)
def test_a_config_trains_two_steps(name, tmp_path, monkeypatch, command):
    if name not in REPORTED:
        monkeypatch.setattr(modes, "_report", lambda job: None)
    assert launch.main(command(name)) == 0
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["kind"]) for line in lines] == [
        (1, "train"),
        (2, "train"),
        (2, "eval"),
    ]
    if name in REPORTED:
        assert (tmp_path / "report.html").stat().st_size > 10_000
    family, evals = (
        configs.load(FOLDER / f"{name}.py").family,
        {path.stem for path in (tmp_path / "evals").glob("*.json")},
    )
    first = "discrimination" if family == "gan" else "reconstruction"
    assert json.loads((tmp_path / "evals" / f"{first}.json").read_text())["step"] == 2
    assert ("latents" in evals) == (family in ("cvae_gan", "vae"))


@pytest.mark.parametrize("name", NAMES)
def test_a_config_says_what_it_is_and_how_to_run_it(name):
    source = (FOLDER / f"{name}.py").read_text()
    docstring = source.split('"""')[1]
    assert name == "base" or f"python run.py --config=configs/{name}.py" in docstring


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_a_variant_has_the_keys_of_the_base(name):
    configs.check_against_base(
        configs.load(FOLDER / f"{name}.py"), configs.load(FOLDER / "base.py")
    )


def test_every_key_of_the_base_is_commented_and_read():
    base = (FOLDER / "base.py").read_text()
    code = "".join(path.read_text() for path in (FOLDER.parent / "gen_jax").rglob("*.py"))
    for key in configs.dotted(configs.load(FOLDER / "base.py")):
        leaf = key.split(".")[-1]
        assert leaf in code, f"{key} is declared and never read"
        assert f".{leaf} = " in base


@pytest.mark.parametrize("path", sorted((FOLDER / "studies").glob("*.txt")), ids=lambda p: p.stem)
def test_a_study_is_a_queue(path, tmp_path, monkeypatch):
    (tmp_path / "configs").symlink_to(FOLDER)
    monkeypatch.chdir(tmp_path)
    found = commands.read(path, {"INCEPTION": "inception.npz"}, launch.parse)
    assert len(found) >= 5
    # It says how it is run, and where its page is.
    text = path.read_text()
    assert f"python run.py --queue=configs/studies/{path.name}" in text
    assert f"--mode=page --workdir=docs/results/{path.stem} --runs=" in text
