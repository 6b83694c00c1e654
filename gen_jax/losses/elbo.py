"""The terms of a variational autoencoder's objective, per example."""

import jax.numpy as jnp
from jaxtyping import Array, Float

REDUCTIONS = {"sum": jnp.sum, "mean": jnp.mean}
"""How a term is reduced over the dimensions of one example (never over the batch)."""


def kl_standard_normal(
    mean: Float[Array, "b z"], logvar: Float[Array, "b z"]
) -> Float[Array, "b z"]:
    """KL(N(mean, exp(logvar)) || N(0, 1)) per example and dimension, in nats.

    1/2 (mean^2 + sigma^2 - log sigma^2 - 1) (Kingma & Welling 2014, appendix B).
    """
    return 0.5 * (jnp.square(mean) + jnp.exp(logvar) - logvar - 1)


def squared_error(
    images: Float[Array, "b ..."], targets: Float[Array, "b ..."]
) -> Float[Array, "b d"]:
    """Squared differences, one row per example; summed, -2 log N(x; x', I) up to a constant."""
    return jnp.square(images - targets).reshape(len(images), -1)


def reparameterise(
    mean: Float[Array, "b z"], logvar: Float[Array, "b z"], noise: Float[Array, "b z"]
) -> Float[Array, "b z"]:
    """z = mean + sigma * noise (Kingma & Welling 2014, section 2.4)."""
    return mean + jnp.exp(0.5 * logvar) * noise
