"""`precision="bfloat16"`: what networks multiply in training, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from gen_jax.core import parallel
from gen_jax.errors import UserError
from gen_jax.nets import strided

GAN = {"family": "gan", "conditional": False, "generator.norm": "batch"}
CASES = {
    "cvae_gan": {"loss.classifier_weight": 1.0, "ema_decay": 0.9},
    "cvae_gan, resnet": {f"{name}.net": "resnet" for name in ("encoder", "generator")}
    | {"discriminator.net": "resnet", "discriminator.spectral_norm": True},
    "vae": {"family": "vae"},
    "gan, all of it": GAN
    | {
        "codes.categorical": 3,
        "discriminator.attention": 4,
        "discriminator.minibatch": "discrimination",
        "discriminator.spectral_norm": True,
        "discriminator.dropout": 0.2,
        "generator.hidden": 8,
    },
    "gan, penalised": GAN
    | {
        "loss.adversarial": "wasserstein",
        "loss.penalty": "wgan_gp",
        "discriminator.norm": "layer",
        "discriminator.widths": (4, 4),
    },
    "classifier": {"family": "classifier", "classifier.net": "resnet", "classifier.widths": (4, 6)},
}


def products(jaxpr):
    """(primitive, dtypes of its operands) of every product and convolution, however deep."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in ("dot_general", "conv_general_dilated"):
            yield eqn.primitive.name, {str(var.aval.dtype) for var in eqn.invars}
        for inner in jaxprs_in_params(eqn.params):
            yield from products(inner)


def step_of(tiny, family):
    """A step alone, and what it takes."""
    batch, keys = tiny.batch(8, family.draws), jnp.stack([tiny.keys(8)] * family.draws)
    step = parallel.alone(lambda state, batch, keys: family.step(state, batch, keys, keys[0, 0]))
    return step, (tiny.state(family), batch, keys)


@pytest.mark.parametrize("case", CASES)
def test_training_multiplies_in_bfloat16_and_keeps_float32(tiny, case, monkeypatch):
    monkeypatch.setattr(strided, "on_cpu", lambda: False)  # where few channels are products
    family = tiny.make(precision="bfloat16", **CASES[case])
    step, inputs = step_of(tiny, family)
    closed, (state, metrics) = jax.make_jaxpr(step, return_shape=True)(*inputs)
    found = list(products(closed.jaxpr))
    convolutions = [dtypes for name, dtypes in found if name == "conv_general_dilated"]
    # The classifier of Bao et al. judges in float32, as in evaluation.
    judged = case == "cvae_gan"
    assert sum(dtypes == {"bfloat16"} for dtypes in convolutions) >= 3
    assert judged or not any("float32" in dtypes for dtypes in convolutions)
    assert all(len(dtypes) == 1 for _, dtypes in found)
    for leaf in jax.tree.leaves((state, metrics)):
        assert leaf.dtype != jnp.bfloat16
    assert jax.tree.map(lambda a: a.dtype, state) == jax.tree.map(lambda a: a.dtype, inputs[0])


@pytest.mark.parametrize("case", CASES)
def test_float32_has_nothing_else(tiny, case):
    step, inputs = step_of(tiny, tiny.make(**CASES[case]))
    assert "bf16" not in str(jax.make_jaxpr(step)(*inputs))


@pytest.mark.parametrize("case", ["cvae_gan", "vae", "classifier"])
def test_losses_are_near_those_of_float32(tiny, case):
    def losses(precision):
        step, inputs = step_of(tiny, tiny.make(precision=precision, **CASES[case]))
        return jax.jit(step)(*inputs)[1]  # nobody shares what would be compiled one by one

    single, half = losses("float32"), losses("bfloat16")
    names = [n for n in single if n.startswith("loss/") or n in ("mse", "kl", "cross_entropy")]
    assert names
    for name in names:
        np.testing.assert_allclose(half[name], single[name], rtol=0.05, err_msg=name)
    assert any(float(half[name]) != float(single[name]) for name in names)


def test_evaluation_is_in_float32_whatever_was_trained_in(tiny):
    batch = {name: leaf[0] for name, leaf in tiny.batch(8).items()}
    single, half = (
        family.metrics(tiny.state(family), batch, tiny.keys(8))
        for family in (tiny.make(), tiny.make(precision="bfloat16"))
    )
    assert all(np.array_equal(single[name], half[name]) for name in single)


def test_a_precision_there_is_none_of_is_refused(tiny):
    with pytest.raises(UserError, match=r"precision='float16'.*bfloat16"):
        tiny.make(precision="float16")
