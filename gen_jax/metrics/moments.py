"""Mean and covariance of features that come in blocks, in memory that does not grow with them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen_jax.errors import UserError
from gen_jax.metrics import checks
from gen_jax.metrics.threads import one_blas_thread

ROWS = 1024
"""Examples whose outer products are summed at once. It fixes the order of sums, hence the bits."""


class Moments:
    """A running mean and covariance, in float64.

    Rows wait until `ROWS` of them are there, so that the bits depend on the order of the examples
    and not on the blocks they come in. Products are taken about each group's own mean (Chan,
    Golub & LeVeque 1983), so that a mean far from 0 costs no digits.

    Attributes:
      dimension: d, of the features.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._sums = _Sums(0, np.zeros(dimension), np.zeros((dimension, dimension)))
        self._waiting = np.empty((ROWS, dimension))
        self._filled = 0

    @classmethod
    def of(cls, features: Float[np.ndarray, "n d"]) -> "Moments":
        """The moments of features that are all there.

        Raises:
          UserError: see `add`.
        """
        moments = cls(checks.features(features, "the").shape[1])
        moments.add(features)
        return moments

    def add(self, block: Float[np.ndarray, "n d"]) -> None:
        """Counts the examples of a block in.

        Raises:
          UserError: they are not [n, d], of other dimensions, or hold NaN or infinity.
        """
        block = checks.features(block, "the")
        self._same(block.shape[1])
        while len(block):
            end = min(ROWS, self._filled + len(block))
            taken, block = np.split(block, [end - self._filled])
            self._waiting[self._filled : end] = taken
            self._filled = end
            if self._filled == ROWS:
                self._sums, self._filled = self._all(), 0

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both: up to rounding, of one that was given the examples of both.

        Raises:
          UserError: their dimensions differ.
        """
        self._same(other.dimension)
        both = Moments(self.dimension)
        both._sums = _joined(self._all(), other._all())
        return both

    @property
    def count(self) -> int:
        """How many examples there have been."""
        return self._sums.number + self._filled

    @property
    def mean(self) -> Float[np.ndarray, "d"]:
        """Mean of the examples, float64.

        Raises:
          UserError: there is none.
        """
        if not self.count:
            raise UserError("a mean needs an example; the features are empty")
        return self._all().mean

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """Covariance of the examples, float64, their number less one the divisor.

        Raises:
          UserError: there are fewer than two.
        """
        if self.count < 2:
            raise UserError(f"a covariance needs two examples; there are {self.count}")
        return self._all().scatter / (self.count - 1)

    def _all(self) -> "_Sums":
        return _joined(self._sums, _summed(self._waiting[: self._filled]))

    def _same(self, dimension: int) -> None:
        if dimension != self.dimension:
            raise UserError(
                f"features of {dimension} dimensions cannot join features of {self.dimension};"
                " take both from the same layer"
            )


class _Sums(NamedTuple):
    """Number of examples, their mean [d], and the sum of outer products about it [d, d]."""

    number: int
    mean: np.ndarray
    scatter: np.ndarray


def _summed(rows: np.ndarray) -> _Sums:
    number = len(rows)
    mean = rows.sum(axis=0) / max(number, 1)
    centred = rows - mean
    with one_blas_thread():
        return _Sums(number, mean, centred.T @ centred)


def _joined(first: _Sums, second: _Sums) -> _Sums:
    """The sums of both groups of examples (Chan, Golub & LeVeque 1983)."""
    if not second.number:
        return first
    number = first.number + second.number
    apart = second.mean - first.mean
    between = np.outer(apart, apart) * (first.number * second.number / number)
    mean = first.mean + apart * (second.number / number)
    return _Sums(number, mean, first.scatter + second.scatter + between)
