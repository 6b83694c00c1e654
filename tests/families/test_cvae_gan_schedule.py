import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.families import build
from gen_jax.losses.schedules import SCHEDULES

WARM_UP = {"loss.vae_epochs": 1.0, "loss.lambda_ramp_epochs": 1.0}  # four steps each
RAMP = np.array([0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1])


def lambdas(tiny, **overrides):
    """lambda at the first steps, as if the networks had not changed."""
    family = tiny.make(**overrides)
    state, batch, keys = tiny.state(family), tiny.batch(8), tiny.keys(8)

    def at(step):
        return tiny.step(family)(state._replace(step=step), batch, keys)[1]["lambda"]

    return jax.jit(jax.vmap(at))(jnp.arange(len(RAMP)))


def test_a_fixed_lambda_is_zero_and_then_ramps_to_its_value(tiny):
    out = lambdas(tiny, **WARM_UP, **{"loss.lambda_mode": "fixed", "loss.lambda_adv": 0.8})
    np.testing.assert_allclose(out, 0.8 * RAMP, atol=1e-7)


def test_a_length_beyond_what_steps_count_to_is_never_reached(tiny):
    never = {"loss.vae_epochs": 1e9, "loss.lambda_ramp_epochs": 1e9}
    np.testing.assert_array_equal(lambdas(tiny, **never), 0)
    longest = build.epochs_in_steps(tiny.config(), tiny.spec, 1e9)
    np.testing.assert_allclose(SCHEDULES["linear"](jnp.int32(2**30), longest), 0.5)


def test_a_relative_lambda_ramps_with_its_share(tiny):
    out = lambdas(tiny, **WARM_UP)
    assert out[-1] > 0
    np.testing.assert_allclose(out, out[-1] * RAMP, rtol=1e-5)


def test_without_warm_up_lambda_has_its_value_from_the_first_step(tiny):
    out = lambdas(tiny, **{"loss.lambda_mode": "fixed", "loss.lambda_adv": 0.8})
    np.testing.assert_allclose(out, np.full(len(RAMP), 0.8))


@pytest.mark.usefixtures("gradients_as_opt")
def test_the_warm_up_is_a_vae_beside_which_the_discriminator_learns(tiny):
    # Without BatchNorm, whose moments would see the prior samples a VAE does not draw.
    plain = {"encoder.norm": "none", "generator.norm": "none"}
    gan, vae = tiny.make(**plain, **WARM_UP), tiny.make(**plain, **{"loss.lambda_adv": 0.0})
    batch, keys = tiny.batch(8), tiny.keys(8)
    state = tiny.state(gan)
    assert set(state.params) == {"encoder", "generator", "discriminator"}
    judged, metrics = tiny.step(gan)(state, batch, keys)
    start = tiny.state(vae)
    start = start._replace(params={name: state.params[name] for name in start.params})
    plain, plain_metrics = tiny.step(vae)(start, batch, keys)
    for name in ("encoder", "generator"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
            judged.opt[name],
            plain.opt[name],
        )
    for name in ("loss/reconstruction", "loss/kl", "mse", "kl"):
        np.testing.assert_allclose(metrics[name], plain_metrics[name], rtol=1e-5)
    np.testing.assert_allclose(metrics["share/adversarial"], 0)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(judged.opt["discriminator"]))


def test_a_vae_has_no_discriminator(tiny):
    family = tiny.make(**{"loss.lambda_adv": 0.0})
    state = tiny.state(family)
    for field in (state.params, state.opt, state.batch_stats):
        assert set(field) == {"encoder", "generator"}
    batch = {name: leaf[0] for name, leaf in tiny.batch(4).items()}
    names = family.metrics(state, batch, tiny.keys(4))
    assert set(names) == {"mse", "psnr", "kl", "loss/reconstruction", "loss/kl"}
