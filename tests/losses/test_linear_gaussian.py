"""The bounds on a model whose likelihood is known: x = W z + b + sigma e (probabilistic PCA)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gen_jax.losses import elbo

RNG = np.random.default_rng(3)
D, Z, SIGMA = 5, 2, 0.4
W, B = RNG.normal(size=(D, Z)), RNG.normal(size=D)
X = RNG.normal(size=(4, D))
EXACT = stats.multivariate_normal(B, W @ W.T + SIGMA**2 * np.eye(D)).logpdf(X)

# The true posterior is N(M^-1 W^T (x - b), sigma^2 M^-1), M = W^T W + sigma^2 I. Rotating z makes M
# diagonal, and the posterior one that a diagonal q can be.
_, vectors = np.linalg.eigh(W.T @ W)
W = W @ vectors
PRECISION = np.diag(W.T @ W) + SIGMA**2
POSTERIOR = (X - B) @ W / PRECISION
LOGVAR = np.broadcast_to(np.log(SIGMA**2 / PRECISION), POSTERIOR.shape)


def log_weights(mean, logvar, noise):
    """log p(x, z) - log q(z | x) of z = mean + sigma noise, [k, n]."""
    z = jax.vmap(lambda e: elbo.reparameterise(mean, logvar, e))(noise)
    zero = jnp.zeros_like(mean)

    def one(z):
        centre = z @ W.T + B[None]
        log_px = elbo.log_normal(X, centre, jnp.full_like(centre, 2 * np.log(SIGMA)))
        log_pz, log_q = elbo.log_normal(z, zero, zero), elbo.log_normal(z, mean, logvar)
        return jnp.sum(log_px, axis=-1) + jnp.sum(log_pz - log_q, axis=-1)

    return jax.vmap(one)(z)


def draw(count):
    return jax.random.normal(jax.random.key(0), (count, *POSTERIOR.shape))


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_true_posterior_every_bound_is_exact(k):
    bound = elbo.iwae_bound(log_weights(POSTERIOR, LOGVAR, draw(k)))
    np.testing.assert_allclose(bound, EXACT, rtol=1e-4, atol=1e-3)


def test_the_elbo_falls_short_by_the_kl_between_posteriors():
    mean, logvar = POSTERIOR + 0.3, LOGVAR + 0.5
    expected_log_px = -0.5 * (
        ((X - B - mean @ W.T) ** 2).sum(axis=1) / SIGMA**2
        + (np.exp(logvar) * (W**2).sum(axis=0)).sum(axis=1) / SIGMA**2
        + D * np.log(2 * np.pi * SIGMA**2)
    )
    bound = expected_log_px - np.sum(elbo.kl_standard_normal(mean, logvar), axis=1)
    gap = 0.5 * (
        np.exp(logvar - LOGVAR) + (mean - POSTERIOR) ** 2 / np.exp(LOGVAR) - 1 + LOGVAR - logvar
    ).sum(axis=1)
    np.testing.assert_allclose(bound, EXACT - gap, rtol=1e-4, atol=1e-4)


def test_the_iwae_bound_rises_with_k_in_the_mean_and_stays_below():
    weights = log_weights(POSTERIOR + 0.05, LOGVAR + 0.5, draw(8192))

    def mean_bound(k):
        groups = weights.reshape(-1, k, len(X)).swapaxes(0, 1)
        flat = groups.reshape(k, -1)
        return np.asarray(elbo.iwae_bound(flat)).reshape(-1, len(X)).mean(axis=0)

    bounds = np.stack([mean_bound(k) for k in (1, 4, 16, 64, 512)])
    assert (np.diff(bounds, axis=0) > 0).all()
    assert (bounds < EXACT + 0.03).all()
    np.testing.assert_allclose(bounds[-1], EXACT, atol=0.05)
