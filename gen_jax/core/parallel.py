"""The one place that knows of `jax.pmap`: replication, sharding and reductions over devices.

A step runs on every local device over the axis `AXIS`. What looks across examples (gradients,
BatchNorm statistics, norms, moments) must go through the reductions here, so that a batch on eight
devices is the same mathematics as the same batch on one.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from gen_jax.errors import UserError

AXIS = "batch"
Tree = Any


def pmap(function: Callable, donate: tuple[int, ...] = ()) -> Callable:
    """`function` on every device, over `AXIS`; arguments and results lead with a device axis."""
    return jax.pmap(function, axis_name=AXIS, donate_argnums=donate)


def alone(function: Callable) -> Callable:
    """`function` of one whole batch, outside `pmap`: what it reduces over devices is that batch."""
    mapped = jax.vmap(function, axis_name=AXIS)

    def call(*args: Tree) -> Tree:
        out = mapped(*jax.tree.map(lambda leaf: leaf[None], args))
        return jax.tree.map(lambda leaf: leaf[0], out)

    return call


def pmean(tree: Tree) -> Tree:
    """Mean over devices of every leaf: of gradients, and of scalars that are local batch means."""
    return jax.lax.pmean(tree, AXIS)


def mean(values: Float[Array, "b"]) -> Float[Array, ""]:
    """Mean over the global batch of per-example values."""
    return jax.lax.pmean(jnp.mean(values), AXIS)


def norm(tree: Tree) -> Float[Array, ""]:
    """Euclidean norm over every leaf and the global batch."""
    squares = sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree))
    return jnp.sqrt(jax.lax.psum(squares, AXIS))


def gather(values: Float[Array, "b ..."]) -> Float[Array, "global_b ..."]:
    """The global batch, in example order, on every device."""
    return jax.lax.all_gather(values, AXIS, tiled=True)


def example_keys(key: Key[Array, ""], draws: int, batch: int) -> Key[Array, "draws b"]:
    """This device's share of one key per example of the *global* batch.

    Noise belongs to an example: whoever computes it, example i of a step draws from the same key.
    """
    local = batch // jax.lax.axis_size(AXIS)
    keys = jax.random.split(key, (draws, batch))
    return jax.lax.dynamic_slice_in_dim(keys, jax.lax.axis_index(AXIS) * local, local, axis=1)


def check_batch(batch: int, pack: int = 1) -> None:
    """Raises UserError unless every device gets the same number of whole packs of examples."""
    devices = jax.device_count()
    if batch % (devices * pack):
        nearest = max(1, round(batch / devices / pack)) * devices * pack
        packs = f" with packs of {pack}" if pack > 1 else ""
        raise UserError(
            f"batch_size {batch} is not divisible by {devices} devices{packs}; "
            f"try --config.batch_size={nearest}"
        )


def replicate(tree: Tree) -> Tree:
    """A copy of every leaf on every local device, with a leading device axis."""
    # Over the axis of the step: arrays laid out over another would make it compile a second time.
    copies = jax.pmap(lambda _, leaf: leaf, axis_name=AXIS, in_axes=(0, None))
    return copies(np.zeros(jax.local_device_count()), tree)


def unreplicate(tree: Tree) -> Tree:
    """The first local device's copy of every leaf, on that device."""
    return jax.tree.map(lambda leaf: leaf.addressable_shards[0].data[0], tree)


def share(batch: int) -> slice:
    """Which examples of a global batch are this process's: `pmap` takes processes in order."""
    local = batch // jax.process_count()
    return slice(jax.process_index() * local, (jax.process_index() + 1) * local)


def shard(tree: Tree, axis: int) -> Tree:
    """Splits the batch axis of a process's share over its devices.

    [..., B, ...] becomes [D, ..., B / D, ...].
    """

    def split(leaf: np.ndarray) -> np.ndarray:
        devices = jax.local_device_count()
        shape = (*leaf.shape[:axis], devices, leaf.shape[axis] // devices, *leaf.shape[axis + 1 :])
        return np.moveaxis(leaf.reshape(shape), axis, 0)

    return jax.tree.map(split, tree)
