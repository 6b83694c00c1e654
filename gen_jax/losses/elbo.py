"""The terms of a variational autoencoder's objective, per example."""

from math import log, pi

import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

REDUCTIONS = {"sum": jnp.sum, "mean": jnp.mean}
"""How a term is reduced over the dimensions of one example (never over the batch)."""

ACTIVE_VARIANCE = 0.01
"""A latent dimension is active if its posterior mean varies more over x (Burda et al. 2016)."""

MOST_PSNR = 100.0
"""dB that an image equal to the original counts for, in place of infinity."""


def kl_standard_normal(
    mean: Float[Array, "b z"], logvar: Float[Array, "b z"]
) -> Float[Array, "b z"]:
    """KL(N(mean, exp(logvar)) || N(0, 1)) per example and dimension, in nats.

    1/2 (mean^2 + sigma^2 - log sigma^2 - 1) (Kingma & Welling 2014, appendix B).
    """
    return 0.5 * (jnp.square(mean) + jnp.exp(logvar) - logvar - 1)


def log_normal(
    z: Float[Array, "..."], mean: Float[Array, "..."], logvar: Float[Array, "..."]
) -> Float[Array, "..."]:
    """log N(z; mean, exp(logvar)) of every dimension, in nats."""
    return -0.5 * (log(2 * pi) + logvar + jnp.square(z - mean) * jnp.exp(-logvar))


def iwae_bound(log_weights: Float[Array, "k b"]) -> Float[Array, "b"]:
    """log 1/k sum_i w_i, w = p(x, z) / q(z | x): a bound of log p(x) that rises with k in the mean.

    Burda et al. 2016, eq. 8; k = 1 is the ELBO at the z drawn.
    """
    return logsumexp(log_weights, axis=0) - log(len(log_weights))


def squared_error(
    images: Float[Array, "b ..."], targets: Float[Array, "b ..."]
) -> Float[Array, "b d"]:
    """Squared differences, one row per example; summed, -2 log N(x; x', I) up to a constant."""
    return jnp.square(images - targets).reshape(len(images), -1)


def psnr(mean_squared_error: Float[Array, "b"]) -> Float[Array, "b"]:
    """Peak signal to noise ratio, dB, of images on [-1, 1] (peak to peak 2); MOST_PSNR at most."""
    return 10 * jnp.log10(4 / jnp.maximum(mean_squared_error, 4 * 10 ** (-MOST_PSNR / 10)))


def reparameterise(
    mean: Float[Array, "b z"], logvar: Float[Array, "b z"], noise: Float[Array, "b z"]
) -> Float[Array, "b z"]:
    """z = mean + sigma * noise (Kingma & Welling 2014, section 2.4)."""
    return mean + jnp.exp(0.5 * logvar) * noise
