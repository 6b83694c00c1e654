"""Optimizers, moving averages and schedules of weights."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

Tree = Any


def adam(
    learning_rate: float, b1: float, b2: float, weight_decay: float = 0.0, decay_steps: int = 0
) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015) with eps 1e-8.

    `weight_decay` shrinks kernels, and nothing else, by lr * weight_decay a step (Loshchilov &
    Hutter 2019). With `decay_steps`, the rate falls to 0 over so many steps along half a cosine
    (Loshchilov & Hutter 2017) and stays there.
    """
    rate = optax.cosine_decay_schedule(learning_rate, decay_steps) if decay_steps else learning_rate
    if not weight_decay:
        return optax.adam(rate, b1=b1, b2=b2)
    return optax.adamw(rate, b1=b1, b2=b2, weight_decay=weight_decay, mask=_kernels)


def _kernels(params: Tree) -> Tree:
    def is_kernel(path: tuple, _: Array) -> bool:
        return path[-1].key == "kernel"

    return jax.tree_util.tree_map_with_path(is_kernel, params)


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
