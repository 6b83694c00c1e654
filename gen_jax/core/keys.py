"""Randomness as a function of (seed, stream, step, example).

One root key comes from `config.seed`. Named streams part from it, steps part from a stream, and
examples part from a step (`parallel.example_keys`). Nothing else makes keys.
"""

import jax
from jaxtyping import Array, Int, Key

STREAMS = {"init": 0, "noise": 1, "dropout": 2, "eval": 3, "sample": 4}
"""Streams by name. The data stream is host-side: `data.batches` draws it from the same seed."""


def stream(seed: int, name: str) -> Key[Array, ""]:
    """The key of a named stream; KeyError if the name is not in `STREAMS`."""
    return jax.random.fold_in(jax.random.key(seed), STREAMS[name])


def at_step(key: Key[Array, ""], step: int | Int[Array, ""]) -> Key[Array, ""]:
    """The key of one step of a stream."""
    return jax.random.fold_in(key, step)
