"""Sums over positions and batch, in a form that every backend has fast code for.

XLA:CPU gives a sum over the leading axes of a batch of images to one thread, which takes several
times as long as a convolution's bias does to add (`benchmarks/sums.py`): biases, batch norm and
their gradients are such sums. Here they are additions of slices there, which it spreads over
threads and vector units; sums of sums of at most sixteen, they round less, too. On GPUs and TPUs
they are `jnp.sum`.
"""

from collections.abc import Callable
from functools import partial, reduce
from operator import add

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from gen_jax.core.xla import on_cpu

MOST_SLICES = 16
"""Slices added at a time."""


def positions(
    function: Callable[..., Array], *images: Float[Array, "n ... c"]
) -> Float[Array, "n c"]:
    """The sum over positions of an elementwise function of images of one shape.

    The function is applied to slices, so that what it gives need never be in memory as a whole.
    """
    if images[0].ndim == 2:
        return function(*images)
    if not on_cpu():
        return jnp.sum(function(*images), axis=tuple(range(1, images[0].ndim - 1)))
    total = _folded(function, *images, axis=1)
    for axis in range(2, images[0].ndim - 1):
        total = _folded(_same, total, axis=axis)
    return total.reshape(len(total), -1)


def batch(values: Float[Array, "n ..."]) -> Float[Array, "..."]:
    """The sum over the first axis."""
    while on_cpu() and len(values) > MOST_SLICES and _slices(len(values)) > 1:
        values = _cut(_same, values, axis=0)
    # The last few by a reduction: XLA computes it once, where additions of slices might be fused
    # into, and computed again for every element of, what they are broadcast to.
    return jnp.sum(values, axis=0)


def channels(images: Float[Array, "n ... c"]) -> Float[Array, "c"]:
    """The sum over everything but channels; its transpose is `spread`, also when differentiated."""
    return _channels(images.shape, images)


def spread(values: Float[Array, "c"], shape: tuple[int, ...]) -> Float[Array, "n ... c"]:
    """The same values for every example and position; its transpose is `channels`."""
    return _spread(shape, values)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _channels(shape: tuple[int, ...], images: Array) -> Array:
    return batch(positions(_same, images))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _spread(shape: tuple[int, ...], values: Array) -> Array:
    return jnp.broadcast_to(values.reshape((1,) * (len(shape) - 1) + values.shape), shape)


_channels.defvjp(
    lambda shape, images: (_channels(shape, images), None),
    lambda shape, _, values: (_spread(shape, values),),
)
_spread.defvjp(
    lambda shape, values: (_spread(shape, values), None),
    lambda shape, _, images: (_channels(shape, images),),
)


def _folded(function: Callable[..., Array], *arrays: Array, axis: int) -> Array:
    """The sum of a function over an axis, which stays, with length 1."""
    if _slices(arrays[0].shape[axis]) == 1:
        return jnp.sum(function(*arrays), axis=axis, keepdims=True)
    total = _cut(function, *arrays, axis=axis)
    return total if total.shape[axis] == 1 else _folded(_same, total, axis=axis)


def _cut(function: Callable[..., Array], *arrays: Array, axis: int) -> Array:
    """A function of equal slices of arrays along an axis, added."""
    count = _slices(arrays[0].shape[axis])
    length = arrays[0].shape[axis] // count
    parts = [
        function(*(lax.slice_in_dim(a, i * length, (i + 1) * length, axis=axis) for a in arrays))
        for i in range(count)
    ]
    return reduce(add, parts)


def _slices(length: int) -> int:
    """Into how many equal slices to cut an axis: the largest of its divisors that is few enough."""
    return next(count for count in range(MOST_SLICES, 0, -1) if length % count == 0)


def _same(values: Array) -> Array:
    return values
