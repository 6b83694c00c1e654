import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from gen_jax.losses.likelihoods import BERNOULLI, BINARISE, GAUSSIAN, LIKELIHOODS, LOGISTIC

RNG = np.random.default_rng(0)
OUTPUTS = RNG.normal(size=(3, 4, 4, 2)).astype(np.float32)
GRID = (np.arange(256) / 127.5 - 1).astype(np.float32)


def test_gaussian_is_scipys():
    images = RNG.uniform(-1, 1, OUTPUTS.shape).astype(np.float32)
    ours = GAUSSIAN.log_prob(OUTPUTS, images, jnp.log(0.3))
    np.testing.assert_allclose(
        ours, stats.norm.logpdf(images, np.tanh(OUTPUTS), 0.3), rtol=1e-4, atol=1e-5
    )


def test_at_sigma_squared_one_half_it_is_the_squared_error_and_a_constant():
    images = RNG.uniform(-1, 1, OUTPUTS.shape).astype(np.float32)
    ours = -GAUSSIAN.log_prob(OUTPUTS, images, jnp.log(0.5**0.5))
    squared = (images - np.tanh(OUTPUTS)) ** 2
    np.testing.assert_allclose(ours, squared + 0.5 * np.log(np.pi), rtol=1e-5, atol=1e-6)


def test_bernoulli_is_scipys_and_its_mean_the_probability_of_white():
    images = np.where(RNG.uniform(size=OUTPUTS.shape) < 0.5, -1.0, 1.0).astype(np.float32)
    ours = BERNOULLI.log_prob(OUTPUTS, images, 0.0)
    theirs = stats.bernoulli.logpmf((images > 0).astype(int), expit(OUTPUTS))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        (BERNOULLI.mean(OUTPUTS) + 1) / 2, expit(OUTPUTS), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("scale", [0.002, 0.1, 2.0])
@pytest.mark.parametrize("output", [-3.0, 0.0, 0.7, 8.0])
def test_the_logistic_is_a_distribution_over_256_values(output, scale):
    outputs = jnp.full((256,), output)
    log_p = LOGISTIC.log_prob(outputs, GRID, jnp.log(scale))
    # In float64, from SciPy's distribution function.
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 127.5 - 1, [np.inf]])
    p = np.diff(stats.logistic.cdf(edges, np.tanh(output), scale))
    np.testing.assert_allclose(np.exp(log_p).sum(), 1.0, rtol=2e-4)
    np.testing.assert_allclose(np.exp(log_p), p, rtol=2e-2, atol=2e-6)


def test_the_logistic_is_finite_and_differentiable_far_in_the_tail():
    loss = lambda out: LOGISTIC.log_prob(out, jnp.float32(1.0), jnp.log(0.002))  # noqa: E731
    value, slope = jax.value_and_grad(loss)(jnp.float32(-4.0))
    assert np.isfinite(value)
    assert np.isfinite(slope)
    assert value < -500
    assert slope > 0


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_means_are_images(name):
    extreme = np.array([-100.0, 0.0, 100.0], np.float32)
    np.testing.assert_allclose(LIKELIHOODS[name].mean(extreme), [-1, 0, 1], atol=1e-6)


def test_binarisation_draws_brightness_as_probability():
    keys = jax.random.split(jax.random.key(0), 500)
    grey = jnp.broadcast_to(jnp.array([-1.0, -0.5, 0.2, 1.0]), (500, 4, 4, 4))
    bits = np.asarray(BINARISE["dynamic"](keys, grey))
    assert set(np.unique(bits)) == {-1.0, 1.0}
    share = (bits > 0).mean(axis=(0, 1, 2))
    sigma = np.sqrt(np.array([0, 0.25 * 0.75, 0.6 * 0.4, 0]) / 8000)
    np.testing.assert_array_less(np.abs(share - [0, 0.25, 0.6, 1]), 4 * sigma + 1e-9)
    # An image's bits are its key's, whoever else is in the batch; bits stay bits.
    np.testing.assert_array_equal(BINARISE["dynamic"](keys[7:9], grey[7:9]), bits[7:9])
    np.testing.assert_array_equal(BINARISE["dynamic"](keys, bits), bits)


def test_the_threshold_is_the_middle_of_the_range():
    values = (np.array([0, 127, 128, 255]) / 127.5 - 1).astype(np.float32).reshape(1, 2, 2, 1)
    bits = BINARISE["threshold"](jax.random.split(jax.random.key(0), 1), values)
    np.testing.assert_array_equal(np.ravel(bits), [-1, -1, 1, 1])
