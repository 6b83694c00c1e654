"""Feature matching: distances between images as a network sees them."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def pairwise(real: Float[Array, "b f"], fake: Float[Array, "b f"]) -> Float[Array, "b"]:
    """1/2 ||f(x) - f(x')||^2 per pair, up to a constant -log N(f(x); f(x'), I).

    Larsen et al. 2016, eq. 8; Bao et al. 2017, eq. 6.
    """
    return 0.5 * jnp.sum(jnp.square(real - fake), axis=-1)


def mean(real: Float[Array, "b f"], fake: Float[Array, "b f"]) -> Float[Array, ""]:
    """1/2 ||E f(x) - E f(x')||^2 over the batch given (Bao et al. 2017, eq. 3)."""
    return 0.5 * jnp.sum(jnp.square(jnp.mean(real, axis=0) - jnp.mean(fake, axis=0)))


def class_mean(
    real: Float[Array, "b f"], fake: Float[Array, "b f"], labels: Int[Array, "b"], num_classes: int
) -> Float[Array, ""]:
    """1/2 sum_c ||E_c f(x) - E_c f(x')||^2 over the classes present (Bao et al. 2017, eq. 5).

    `labels` are those of real and fake alike. Classes absent from the batch contribute nothing.
    """
    member = jnp.equal(labels[:, None], jnp.arange(num_classes)[None]).astype(real.dtype)
    size = jnp.maximum(jnp.sum(member, axis=0), 1)
    difference = (member.T @ (real - fake)) / size[:, None]
    return 0.5 * jnp.sum(jnp.square(difference))
