"""Whether several runs fit in memory together."""

from typing import Any

import jax

from gen_jax.core import machine
from gen_jax.core.state import TrainState
from gen_jax.errors import UserError

COPIES = 3
"""States in memory per run: the one trained, its update, and the one a checkpoint is written of."""


def check(shapes: TrainState, count: int) -> None:
    """Raises UserError if the states of `count` runs alone exceed the memory there is.

    Args:
      shapes: of one run's state, concrete or abstract.
      count: of runs.
    """
    needed = COPIES * count * _bytes(shapes)
    have = _memory()
    if have is not None and needed > have:
        raise UserError(
            f"num_seeds={count}: {count} states take {needed / 1e9:.1f} GB of the "
            f"{have / 1e9:.1f} GB of memory there is; use at most "
            f"{max(1, int(have * count / needed))}"
        )


def _bytes(shapes: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def _memory() -> int | None:
    """Bytes of a device, or of the machine where devices use its own; None if nobody tells."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return machine.memory() if limit is None else int(limit)
