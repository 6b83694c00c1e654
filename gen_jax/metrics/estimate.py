"""A number with its error."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """An estimate and its standard error, in the same units."""

    value: float
    error: float


class Repeated(NamedTuple):
    """The mean of a metric over subsets of the examples.

    Attributes:
      value: the mean.
      error: its standard error; None of a single subset.
      deviation: standard deviation over the subsets, as published tables print it: divided by
        their number, not by one less.
    """

    value: float
    error: float | None
    deviation: float


def share_error(share: float, count: int) -> float:
    """Standard error of a share of `count` independent examples, binomial."""
    return float(np.sqrt(share * (1 - share) / count))


def repeated(values: Sequence[float]) -> Repeated:
    """Mean, its standard error and the deviation of one value a subset."""
    count, deviation = len(values), float(np.std(values))
    error = deviation / (count - 1) ** 0.5 if count > 1 else None
    return Repeated(float(np.mean(values)), error, deviation)
