"""How steadily a run trained: one index of its log, the same for every family.

Of each player's loss, over the last half of the regular training records, with m the running median
of `WINDOW` records and r = x - m what is left of a record x beside it:

    f = rms(r) / mean |x|                                          fluctuation
    s = share of the records with |r| > SPIKE * sqrt(pi / 2) mean |r|  spikes
        and |r| > LEAST * mean |x|
    index = (1 - s) / (1 + f)                                      of the least steady player

It is 1 for a loss that follows its own trend and falls towards 0 the more it jumps. The running
median takes the trend out, so that a loss which falls is as steady as one that has settled.
sqrt(pi / 2) mean |r| is the standard deviation where r is normal (Geary 1935); then one record in
1,700,000 is a spike. The median of |r| would not do: of a smooth loss most records are their own
running median. For the same reason there is a least size: where two records of twenty are not their
own, by however little, both lie beyond five times such a mean. A mean over more images fluctuates
less, so that indices compare where their records average equally many.
"""

import math
from collections.abc import Mapping

import numpy as np

from gen_jax.report.workdir import Run

WINDOW = 11
SPIKE = 5.0
LEAST = 0.05
"""Share of a loss's mean size within which nothing is a spike."""
SHORTEST = 20
"""Regular records without which there is no index."""

_PLAYERS = ("loss/total", "loss/generator", "loss/discriminator")
_ALONE = ("cross_entropy",)
"""What a classifier pays, which no family logs as a loss."""

UNITS = {
    "stability": "index, (1 − spikes) / (1 + fluctuation); 1 is steady",
    "fluctuation": "of the losses about their running median, ratio to their mean size",
    "spikes": f"share of records beyond {SPIKE:g} standard deviations and {LEAST:.0%} of the loss",
}


def measure(run: Run) -> dict[str, float] | str:
    """`stability`, `fluctuation` and `spikes` of the least steady player, or why there are none."""
    every = run.settings.get("log_every")
    regular = [
        record
        for record in run.records
        # A stop or a checkpoint leaves a record of fewer steps between two.
        if record.kind == "train" and isinstance(every, int) and every and record.step % every == 0
    ]
    if len(regular) < SHORTEST:
        return f"fewer than {SHORTEST} records"
    logged = regular[-1].scalars
    names = [name for name in _PLAYERS if name in logged]
    names = names or [name for name in _ALONE if name in logged]
    if not names:
        return "no losses logged"
    late = regular[-(len(regular) // 2) :]
    losses = [np.array([record.scalars.get(name, np.nan) for record in late]) for name in names]
    if not np.isfinite(losses).all():
        return "losses not finite"
    return min(map(_of_losses, losses), key=lambda numbers: numbers["stability"])


def protocol(run: Run) -> Mapping[str, int]:
    """What must be equal of runs whose indices are compared.

    A step's losses are of one batch, the last of several that a discriminator sees in it.
    """
    batch_size, every = run.settings.get("batch_size"), run.settings.get("log_every")
    if not isinstance(batch_size, int) or not isinstance(every, int):
        return {}
    return {"images_per_record": batch_size * every}


def _of_losses(losses: np.ndarray) -> dict[str, float]:
    """The three numbers of one player's late losses, finite float64 [n]."""
    padded = np.pad(losses, WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    left = losses - np.median(windows, axis=-1)
    size = float(np.mean(np.abs(losses)))
    fluctuation = float(np.sqrt(np.mean(left**2))) / size if size else 0.0
    usual = math.sqrt(math.pi / 2) * float(np.mean(np.abs(left)))
    spikes = float(np.mean(np.abs(left) > max(SPIKE * usual, LEAST * size)))
    index = (1 - spikes) / (1 + fluctuation)
    return {"stability": index, "fluctuation": fluctuation, "spikes": spikes}
