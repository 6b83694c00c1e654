import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from gen_jax.losses import elbo

RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=(3, 2)).astype(np.float32)
LOGVAR = RNG.normal(size=(3, 2)).astype(np.float32)


def test_kl_is_the_integral_of_q_log_q_over_p():
    def integral(mean, logvar):
        q, p = scipy.stats.norm(mean, np.exp(logvar / 2)), scipy.stats.norm()
        ratio = lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z))  # noqa: E731
        return scipy.integrate.quad(ratio, *(mean + 12 * q.std() * np.array([-1, 1])))[0]

    expected = [
        [integral(*pair) for pair in zip(*row, strict=True)]
        for row in zip(MEAN, LOGVAR, strict=True)
    ]
    np.testing.assert_allclose(elbo.kl_standard_normal(MEAN, LOGVAR), expected, rtol=1e-4)


def test_kl_is_what_samples_say():
    noise = jax.random.normal(jax.random.key(0), (100_000, 3, 2))
    z = jax.vmap(lambda noise: elbo.reparameterise(MEAN, LOGVAR, noise))(noise)
    log_q = scipy.stats.norm(MEAN, np.exp(LOGVAR / 2)).logpdf(np.asarray(z))
    log_ratio = log_q - scipy.stats.norm().logpdf(np.asarray(z))
    error = log_ratio.std(axis=0) / np.sqrt(len(z))
    off = np.abs(elbo.kl_standard_normal(MEAN, LOGVAR) - log_ratio.mean(axis=0))
    assert np.all(off < 4 * error)


def test_kl_is_zero_at_the_prior_only_and_flat_there():
    zero = jnp.zeros((1, 1))
    assert elbo.kl_standard_normal(zero, zero).item() == 0
    slopes = jax.grad(lambda m, v: elbo.kl_standard_normal(m, v).sum(), argnums=(0, 1))(zero, zero)
    np.testing.assert_array_equal(slopes, np.zeros((2, 1, 1)))
    assert np.all(elbo.kl_standard_normal(MEAN, LOGVAR) > 0)


def test_squared_error_keeps_examples_apart():
    images, targets = RNG.normal(size=(2, 4, 3, 2, 3)).astype(np.float32)
    out = elbo.squared_error(images, targets)
    assert out.shape == (4, 18)
    expected = [
        [(a - b) ** 2 for a, b in zip(x.flat, y.flat, strict=True)]
        for x, y in zip(images, targets, strict=True)
    ]
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_squared_error_is_minus_twice_a_unit_gaussians_log_likelihood():
    images, targets = RNG.normal(size=(2, 4, 5)).astype(np.float32)
    log_likelihood = scipy.stats.norm(targets, 1).logpdf(images) - scipy.stats.norm.logpdf(0)
    np.testing.assert_allclose(
        elbo.squared_error(images, targets), -2 * log_likelihood, rtol=1e-4, atol=1e-6
    )


def test_reparameterised_noise_has_the_moments_asked_for():
    # Standardised noise, so that the moments hold to rounding and not to a sampling error.
    noise = RNG.normal(size=(1000, 2))
    noise = ((noise - noise.mean(0)) / noise.std(0)).astype(np.float32)
    shape = noise.shape
    z = elbo.reparameterise(
        jnp.broadcast_to(MEAN[0], shape), jnp.broadcast_to(LOGVAR[0], shape), noise
    )
    np.testing.assert_allclose(z.mean(0), MEAN[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(z.var(0), np.exp(LOGVAR[0]), rtol=1e-4)


def test_reparameterise_differentiates_as_the_paper_says():
    noise = RNG.normal(size=(3, 2)).astype(np.float32)
    z = lambda mean, logvar: elbo.reparameterise(mean, logvar, noise).sum()  # noqa: E731
    by_mean, by_logvar = jax.grad(z, argnums=(0, 1))(MEAN, LOGVAR)
    np.testing.assert_array_equal(by_mean, np.ones((3, 2)))
    np.testing.assert_allclose(by_logvar, 0.5 * np.exp(LOGVAR / 2) * noise, rtol=1e-5)


@pytest.mark.parametrize(("name", "expected"), [("sum", [3.0, 12.0]), ("mean", [1.0, 4.0])])
def test_reductions_are_over_one_examples_dimensions(name, expected):
    values = jnp.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    np.testing.assert_array_equal(elbo.REDUCTIONS[name](values, axis=-1), expected)
