"""Optimizers, moving averages and schedules of weights."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

Tree = Any

OPTIMIZERS: dict[str, Callable[[float, float], optax.GradientTransformation]] = {
    "adam": lambda b1, b2: optax.scale_by_adam(b1, b2),
    # 1e-8 beside the root, as in Adam: inside, it would keep every step below lr / 1e-4 * gradient.
    "rmsprop": lambda b1, b2: optax.scale_by_rms(decay=b2, eps=1e-8, eps_in_sqrt=False),
    "sgd": lambda b1, b2: optax.trace(decay=b1),
}
"""Adam (Kingma & Ba 2015), RMSProp (Tieleman & Hinton 2012), SGD with heavy-ball momentum b1."""

DECAYS: dict[str, Callable[[float, int], optax.Schedule]] = {
    "cosine": optax.cosine_decay_schedule,
    "linear": lambda rate, steps: optax.linear_schedule(rate, 0.0, steps),
}
"""Half a cosine (Loshchilov & Hutter 2017), or a straight line (Miyato et al. 2018)."""


def make(
    name: str,
    learning_rate: float,
    b1: float,
    b2: float,
    weight_decay: float = 0.0,
    decay_steps: int = 0,
    decay: str = "cosine",
) -> optax.GradientTransformation:
    """An optimizer of `OPTIMIZERS`, with weight decay and a schedule.

    `weight_decay` shrinks kernels, and nothing else, by lr * weight_decay a step (Loshchilov &
    Hutter 2019). With `decay_steps`, the rate falls to 0 over so many updates as `DECAYS` says,
    and stays there.
    """
    rate = DECAYS[decay](learning_rate, decay_steps) if decay_steps else learning_rate
    shrink = [optax.add_decayed_weights(weight_decay, _kernels)] if weight_decay else []
    return optax.chain(OPTIMIZERS[name](b1, b2), *shrink, optax.scale_by_learning_rate(rate))


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


def norms(grads: dict[str, Tree]) -> dict[str, Float[Array, ""]]:
    """Euclidean norm of the gradient of each network as a whole: {"grad/NAME": ...}."""
    return {f"grad/{name}": optax.tree.norm(grad) for name, grad in grads.items()}


def ramp(step: Int[Array, ""], start: int, length: int) -> Float[Array, ""]:
    """0 until `start`, then linear to 1 over `length` steps, then 1."""
    return jnp.clip((step - start + 1) / max(length, 1), 0.0, 1.0)


def moving_average(average: Tree, new: Tree, decay: float, step: Int[Array, ""]) -> Tree:
    """Moving average a <- d a + (1 - d) x with d = min(decay, (1 + step) / (10 + step)).

    The smaller d of the first steps keeps a short run from remembering its initial weights.
    """
    d = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda a, x: d * a + (1 - d) * x, average, new)
