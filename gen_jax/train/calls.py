"""How steps are given to the devices: one at a time, or several, where starting costs most.

A call's steps are the iterations of one loop on the device, and what is due after a step (a line of
metrics, a signal) is done at the end of the call it is in. Checkpoints end a call, and the two
steps after one are calls of their own, since audits elsewhere hold those to rounding. Where calls
end follows from the config and the number of the step alone, so that a run resumed at the end of
one goes on with the programs it would have gone on with. (A run that is given more steps than it
was begun with is, where its old end was not one of those, the same to rounding.)
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gen_jax.core import parallel
from gen_jax.data.batches import Batch

ON_ACCELERATORS = 10
"""Steps a call if the config leaves it to us; on a CPU one, whose convolutions are slow in loops
(docs/speed.md)."""


def steps_per_call(config: ConfigDict) -> int:
    """`config.steps_per_call`, or what suits these devices."""
    if asked := config.get("steps_per_call", 1):
        return asked
    return 1 if jax.default_backend() == "cpu" else ON_ACCELERATORS


def spans(
    start: int, stop: int, per_call: int, cuts: frozenset[int] = frozenset(), saves: int = 0
) -> Iterator[range]:
    """The steps from `start` to `stop`, call by call.

    A call ends at every multiple of `per_call`, at every one of `cuts`, at every multiple of
    `saves` (0: none) and the two steps after it, and at the stop.
    """
    while start < stop:
        ends = [(start // per_call + 1) * per_call, stop]
        if saves:
            last = start // saves * saves
            ends += [last + 1, last + 2, last + saves]
        end = min(each for each in ends if each > start)
        end = next((step for step in range(start + 1, end) if step in cuts), end)
        yield range(start, end)
        start = end


def stacked(batches: list[Batch]) -> Batch:
    """The batches of a call, sharded: [devices, draws, b, ...], or [devices, steps, draws, b, ...].

    One step is without the axis of steps, as its program is.
    """
    if len(batches) == 1:
        return parallel.shard(batches[0], axis=1)
    joined = {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
    return parallel.shard(joined, axis=2)


def of_steps(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metrics of a call, [devices] or [devices, steps], step by step; all devices say the same.

    Of arrays on the devices nothing is fetched.
    """
    first = {name: value[0] for name, value in metrics.items()}
    several = {np.shape(value) for value in first.values()} - {()}
    if not several:
        return [first]
    ((count,),) = several
    return [{name: value[i] for name, value in first.items()} for i in range(count)]
