"""How hard each term of an objective pulls at what it is computed from."""

import jax.numpy as jnp
from jaxtyping import Array, Float

LIMIT = 1e4
"""Largest relative weight: VQGAN's clip, for the steps where the denominator vanishes."""


def relative_weight(
    share: float | Float[Array, ""], reference: Float[Array, ""], term: Float[Array, ""]
) -> Float[Array, ""]:
    """The weight that gives a term `share` times the pull of the reference.

    Args are the share and the two gradient norms; the weight is share * reference / term, held
    below `LIMIT` times the share. The idea is VQGAN's adaptive weight (Esser et al. 2021, eq. 7),
    which compares gradients at the decoder's last layer; the norms here are taken at the
    generated image, which needs no extra pass through the decoder.
    """
    return share * jnp.clip(reference / (term + 1e-12), 0.0, LIMIT)


def shares(pulls: dict[str, Float[Array, ""]]) -> dict[str, Float[Array, ""]]:
    """Each norm over the sum of the norms."""
    total = sum(pulls.values()) + 1e-12
    return {name: pull / total for name, pull in pulls.items()}
