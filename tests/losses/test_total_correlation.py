import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from gen_jax.losses.total_correlation import decompose, permute_dimensions, ratio_loss

RNG = np.random.default_rng(0)
MEAN, LOGVAR, NOISE = (RNG.normal(size=(6, 3)).astype(np.float32) for _ in range(3))
Z = MEAN + np.exp(0.5 * LOGVAR) * NOISE


def test_the_three_terms_add_up_to_log_q_minus_log_p():
    terms = decompose(Z, MEAN, LOGVAR, MEAN, LOGVAR)
    log_q = stats.norm.logpdf(Z, MEAN, np.exp(0.5 * LOGVAR)).sum(axis=1)
    log_p = stats.norm.logpdf(Z).sum(axis=1)
    np.testing.assert_allclose(sum(terms), log_q - log_p, rtol=1e-4, atol=1e-4)


def test_minibatch_weighted_sampling_is_the_papers_double_sum():
    terms = decompose(Z[:2], MEAN[:2], LOGVAR[:2], MEAN, LOGVAR)
    sigma = np.exp(0.5 * LOGVAR)
    for i in range(2):
        pairs = np.stack([stats.norm.logpdf(Z[i], MEAN[j], sigma[j]) for j in range(6)])
        log_qz = logsumexp(pairs.sum(axis=1)) - np.log(6)
        log_each = sum(logsumexp(pairs[:, k]) - np.log(6) for k in range(3))
        np.testing.assert_allclose(terms.total_correlation[i], log_qz - log_each, rtol=1e-3)


def test_total_correlation_tells_dependent_dimensions_from_independent_ones():
    # Point-like posteriors at draws of a Gaussian with correlation r: TC = -1/2 log(1 - r^2).
    # Each z sees its own posterior in the mean, a bias that a difference removes.
    def estimate(r):
        x = RNG.multivariate_normal([0, 0], [[1, r], [r, 1]], 1500).astype(np.float32)
        logvar = np.full_like(x, -2.5)
        z = x + np.exp(0.5 * logvar) * RNG.normal(size=x.shape).astype(np.float32)
        return float(jnp.mean(decompose(z, x, logvar, x, logvar).total_correlation))

    # The posteriors' own variance (e^-2.5) is added to the marginals' and lowers the correlation.
    r = 0.9 / (1 + np.exp(-2.5))
    exact = -0.5 * np.log(1 - r**2)
    assert abs(estimate(0.9) - estimate(0.0) - exact) < 0.1


def test_shuffling_keeps_every_marginal_and_breaks_the_joint():
    z = np.stack([np.arange(200.0), np.arange(200.0)], axis=1).astype(np.float32)
    shuffled = np.asarray(permute_dimensions(jax.random.key(0), z))
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), z)
    assert abs(np.corrcoef(shuffled.T)[0, 1]) < 0.25


@pytest.mark.parametrize("ratio", [0.2, 1.0, 5.0])
def test_the_best_logit_is_the_log_ratio_of_densities(ratio):
    # At a z where joint : permuted = ratio : 1 the expected loss is least at logit = log ratio.
    def expected(logit):
        here = jnp.full((1,), logit)
        joint, permuted = ratio_loss(here, -100 * jnp.ones(1)), ratio_loss(100 * jnp.ones(1), here)
        return (ratio * joint + permuted)[0]

    slope = jax.grad(expected)(float(np.log(ratio)))
    assert abs(slope) < 1e-5
