"""Optimizers, moving averages and schedules of weights."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

Tree = Any


def adam(learning_rate: float, b1: float, b2: float) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015) with eps 1e-8."""
    return optax.adam(learning_rate, b1=b1, b2=b2)


def apply(
    optimizer: optax.GradientTransformation, grads: Tree, opt_state: Tree, params: Tree
) -> tuple[Tree, Tree]:
    """One update: (new params, new optimizer state)."""
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def ramp(step: Int[Array, ""], start: int, length: int) -> Float[Array, ""]:
    """0 until `start`, then linear to 1 over `length` steps, then 1."""
    return jnp.clip((step - start + 1) / max(length, 1), 0.0, 1.0)


def moving_average(average: Tree, new: Tree, decay: float, step: Int[Array, ""]) -> Tree:
    """Moving average a <- d a + (1 - d) x with d = min(decay, (1 + step) / (10 + step)).

    The smaller d of the first steps keeps a short run from remembering its initial weights.
    """
    d = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda a, x: d * a + (1 - d) * x, average, new)
