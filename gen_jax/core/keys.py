"""Randomness as a function of (seed, stream, step, example).

One root key comes from `config.seed`. Named streams part from it, steps part from a stream, and
examples part from a step (`parallel.example_keys`), and what is drawn for an example parts from
that (`split_each`). Nothing else makes keys.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

STREAMS = {
    "init": 0,
    "noise": 1,
    "eval": 3,
    "sample": 4,
    "nll": 5,
    "denoising": 6,
    "information": 7,
    "eval_train": 8,
    "probe": 9,
    "ex_post": 10,
}
"""Streams by name. The data stream is host-side: `data.batches` draws it from the same seed."""


def stream(seed: int, name: str) -> Key[Array, ""]:
    """The key of a named stream; KeyError if the name is not in `STREAMS`.

    Threefry's, whatever JAX's default generator is set to.
    """
    return jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), STREAMS[name])


def at_step(key: Key[Array, ""], step: int | Int[Array, ""]) -> Key[Array, ""]:
    """The key of one step of a stream."""
    return jax.random.fold_in(key, step)


def split_each(keys: Key[Array, "b"], count: int) -> Key[Array, "count b"]:
    """`count` keys of every example's key."""
    return jnp.moveaxis(jax.vmap(partial(jax.random.split, num=count))(keys), 1, 0)
