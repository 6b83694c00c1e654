"""How the weight of the KL grows over training: functions of the step, from 0 to 1."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def linear(step: Int[Array, ""], length: int) -> Float[Array, ""]:
    """Warm-up: linear from 0 to 1 over `length` steps, then 1 (Bowman et al. 2016)."""
    return jnp.clip(step / max(length, 1), 0.0, 1.0)


def cyclical(step: Int[Array, ""], length: int) -> Float[Array, ""]:
    """Cycles of `length` steps: linear from 0 to 1 over the first half of each, then 1.

    Fu et al. 2019, eq. 6-7 with R = 1/2.
    """
    return jnp.minimum(2.0 * (step % length) / length, 1.0)


def constant(step: Int[Array, ""], length: int) -> Float[Array, ""]:
    """1 throughout."""
    del length
    return jnp.ones_like(step, jnp.float32)


SCHEDULES = {
    "constant": constant,
    "linear": linear,
    "cyclical": cyclical,
    "capacity": linear,
}
"""By name. "capacity" moves the target C rather than the weight (Burgess et al. 2018, eq. 8)."""
