"""A number over seeds: its mean, its spread, and how both are printed."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gen_jax.report.tables import number

_MOST_DECIMALS = 6


class Estimate(NamedTuple):
    """Mean over seeds, and their sample standard deviation, None of a single one."""

    mean: float
    spread: float | None
    seeds: int


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and sample standard deviation; NaN, without a spread, where a value is not finite."""
    if len(values) == 1:
        return Estimate(float(values[0]), None, 1)
    if not all(map(math.isfinite, values)):
        return Estimate(math.nan, None, len(values))
    spread = float(np.std(values, ddof=1)) if len(set(values)) > 1 else 0.0
    return Estimate(float(np.mean(values)), spread, len(values))


def printed(cell: Estimate, seeds: int) -> str:
    """Mean ± spread, as "98.73 ± 0.25"; of fewer than all `seeds`, "98.73 ± 0.25 (2 of 3)".

    The spread has two significant digits and the mean as many decimals, but at most six
    significant digits. A spread of 0 is left out.
    """
    text = _with_spread(cell.mean, cell.spread) if cell.spread else number(cell.mean)
    return text if cell.seeds == seeds else f"{text} ({cell.seeds} of {seeds})"


def _with_spread(mean: float, spread: float) -> str:
    decimals = max(1 - math.floor(math.log10(spread)), 0)
    if decimals > _MOST_DECIMALS:
        return f"{number(mean)} ± {spread:.2g}"
    significant = 5 - math.floor(math.log10(abs(mean))) if mean else decimals
    shown = f"{mean:,.{min(decimals, max(significant, 0))}f}".replace("-", "−")
    return f"{shown} ± {spread:,.{decimals}f}"
