import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gen_jax.losses.penalties import PENALTIES, dragan, r1, wgan_gp
from gen_jax.nets import strided

SHAPE = (5, 4, 4, 2)
_rng = np.random.default_rng(0)
REAL, FAKE, WEIGHTS = (_rng.normal(size=SHAPE).astype(np.float32) for _ in range(3))
NOISE = _rng.uniform(size=SHAPE).astype(np.float32)
SHARE = _rng.uniform(size=5).astype(np.float32)
STD = np.float32(0.7)
KEYS = jax.random.split(jax.random.key(1), 5)

AT = {  # where a penalty looks, in NumPy
    "wgan_gp": SHARE[:, None, None, None] * REAL + (1 - SHARE[:, None, None, None]) * FAKE,
    "r1": REAL,
    "dragan": REAL + SHARE[:, None, None, None] * np.float32(0.5) * STD * NOISE,
}
GIVEN = {  # the penalties at the draws above
    "wgan_gp": lambda critic: wgan_gp(critic, REAL, FAKE, SHARE),
    "r1": lambda critic: r1(critic, REAL),
    "dragan": lambda critic: dragan(critic, REAL, NOISE, STD, SHARE),
}


def of_slope(name, slope):
    return slope**2 / 2 if name == "r1" else (slope - 1) ** 2


def linear(weights):
    return lambda images: jnp.sum(images * weights[None], axis=(1, 2, 3))


@settings(max_examples=15)
@given(st.floats(1e-3, 1e3), st.integers(0, 100))
def test_a_linear_critics_slope_is_the_norm_of_its_weights(scale, seed):
    weights = scale * np.random.default_rng(seed).normal(size=SHAPE[1:]).astype(np.float32)
    norm = np.linalg.norm(weights)
    for name, penalty in GIVEN.items():
        expected = np.full(5, of_slope(name, norm))
        # The weight of rounding in the slope grows where 1 is subtracted from it.
        np.testing.assert_allclose(penalty(linear(weights)), expected, rtol=1e-5, atol=1e-5)
        drawn = PENALTIES[name](linear(weights), REAL, FAKE, KEYS, STD)
        np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", GIVEN)
def test_a_quadratic_critics_slope_grows_with_the_distance_from_the_origin(name):
    def critic(images):
        return 1.5 * jnp.sum(jnp.square(images), axis=(1, 2, 3))

    slopes = 3 * np.linalg.norm(AT[name].reshape(5, -1), axis=-1)
    np.testing.assert_allclose(GIVEN[name](critic), of_slope(name, slopes), rtol=1e-5)


@pytest.mark.parametrize("name", GIVEN)
def test_torch_agrees_on_an_mlp_and_on_the_gradient_of_its_parameters(name):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    arrays = [rng.normal(0, 0.3, size).astype(np.float32) for size in ((32, 6), (6,), (6,))]

    def total(params):
        kernel, bias, out = params

        def critic(images):
            return jnp.tanh(images.reshape(len(images), -1) @ kernel + bias[None]) @ out

        values = GIVEN[name](critic)
        return jnp.sum(values * jnp.arange(1.0, 6.0)), values

    grads, values = jax.jit(jax.grad(total, has_aux=True))(arrays)

    kernel, bias, out = params = [torch.tensor(array, requires_grad=True) for array in arrays]
    x = torch.tensor(AT[name].reshape(5, -1), requires_grad=True)
    outputs = torch.tanh(x @ kernel + bias) @ out
    (slope,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
    expected = of_slope(name, slope.norm(dim=-1))
    (expected * torch.arange(1.0, 6.0)).sum().backward()

    np.testing.assert_allclose(values, expected.detach().numpy(), rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(grads, params, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-21, 1e-19])
@pytest.mark.parametrize("name", GIVEN)
def test_a_flat_critic_has_a_finite_gradient(name, scale):
    values, grads = jax.jit(
        lambda weights: (
            GIVEN[name](linear(weights)),
            jax.grad(lambda w: jnp.mean(GIVEN[name](linear(w))))(weights),
        )
    )(scale * WEIGHTS[0])
    np.testing.assert_allclose(values, of_slope(name, 0.0), atol=1e-12)
    assert np.all(np.isfinite(grads))
    # (||w|| - 1)^2 is no steeper than 2 below a norm of 1, but squares near the smallest float are
    # rough.
    assert np.linalg.norm(grads) < 3


def test_units_that_are_off_at_some_images_do_not_spoil_the_others():
    def total(weights):
        return jnp.sum(wgan_gp(lambda x: jax.nn.relu(linear(weights)(x)), REAL, FAKE, SHARE))

    weights = WEIGHTS[0]
    on = (AT["wgan_gp"] * weights).sum(axis=(1, 2, 3)) > 0
    assert 0 < on.sum() < 5
    norm = np.linalg.norm(weights)
    np.testing.assert_allclose(
        jax.grad(total)(weights), on.sum() * 2 * (norm - 1) * weights / norm, rtol=1e-4
    )


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_reaches_the_weights_of_strided_convolutions(name):
    rng = np.random.default_rng(3)
    kernels = [rng.normal(0, 0.3, (4, 4, *io)).astype(np.float32) for io in ((2, 3), (3, 1))]

    def plain(x, w):
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, w, (2, 2), "SAME", dimension_numbers=layout)

    def gradient(down):
        def total(kernels):
            def critic(images):
                return down(jnp.tanh(down(images, kernels[0])), kernels[1])[:, 0, 0, 0]

            return jnp.sum(PENALTIES[name](critic, REAL, FAKE, KEYS, STD))

        return jax.jit(jax.grad(total))(kernels)

    for ours, theirs in zip(gradient(strided.down), gradient(plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PENALTIES)
def test_draws_belong_to_the_example(name):
    def critic(images):
        return jnp.sum(jnp.square(images), axis=(1, 2, 3))

    everyone = PENALTIES[name](critic, REAL, FAKE, KEYS, STD)
    some = PENALTIES[name](critic, REAL[2:4], FAKE[2:4], KEYS[2:4], STD)
    np.testing.assert_allclose(everyone[2:4], some, rtol=1e-6)


def positions(name, real, fake, std):
    """Where a penalty of one-pixel images in [0, 1] looks: the slope of x^2 / 2 is x."""
    keys = jax.random.split(jax.random.key(3), 2000)
    images = [jnp.full((2000, 1, 1, 1), value) for value in (real, fake)]

    def critic(x):
        return 0.5 * jnp.sum(jnp.square(x), axis=(1, 2, 3))

    return 1 - np.sqrt(PENALTIES[name](critic, *images, keys, jnp.float32(std)))


def test_wgan_gp_looks_uniformly_between_real_and_fake():
    assert stats.kstest(positions("wgan_gp", 1.0, 0.0, 1.0), "uniform").pvalue > 0.01
    np.testing.assert_allclose(positions("wgan_gp", 0.3, 0.3, 1.0), 0.3, rtol=1e-5)


def test_dragan_looks_beside_real_images_by_a_product_of_uniforms():
    # At std 2, x^ = share * noise, and P(share * noise <= t) = t - t log t.
    moved = positions("dragan", 0.0, 1.0, 2.0)
    assert stats.kstest(moved, lambda t: t - t * np.log(t)).pvalue > 0.01
    np.testing.assert_allclose(positions("dragan", 0.3, 1.0, 0.0), 0.3, rtol=1e-5)
