"""Nearest neighbours and balls: products screen the pairs, exact distances decide.

All pairs' distances of 50,000 examples by 10,000 of 2,048 dimensions are one matrix product, which
float32 does well, but not exactly: |x|^2 + |y|^2 - 2 xy cancels, and its last bits hang on the
machine, the threads and the block. So products only bound each squared distance from both sides,
and wherever the bounds leave a decision open it is made by the sum of squared differences in
float64. Results are those of float64 differences throughout: exact duplicates are at distance 0,
ties are ties, and neither block nor thread shows.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

PAIRS = 2**23
"""Pairs that are screened at a time; some 200 MB with all that is needed."""
VALUES = 2**21
"""Differences in float64 that are held at a time."""
UNIT = 2.0**-24
"""Relative rounding of float32."""
FLOOR = 1e-30
"""What underflow may lose of a squared distance, in units of the largest coordinate's square."""


class Nearest(NamedTuple):
    """The nearest points of each query, nearest first; of equals, the one that comes first.

    Attributes:
      squared: squared Euclidean distances, float64 [n, k].
      indices: rows of the points, int64 [n, k].
    """

    squared: Float[np.ndarray, "n k"]
    indices: Int[np.ndarray, "n k"]


class Memberships(NamedTuple):
    """How many balls hold each point, int64 [n], and how many points each ball holds, int64 [m]."""

    by_point: Int[np.ndarray, "n"]
    by_ball: Int[np.ndarray, "m"]


def nearest(queries: Float[np.ndarray, "n d"], points: Float[np.ndarray, "m d"], k: int) -> Nearest:
    """The k nearest of the points to each query, k <= m.

    Among queries that are points themselves, each finds itself first, at 0. Equal queries are
    answered once: a collapsed generator repeats its picture thousands of times.
    """
    asked, inverse = _distinct(queries)
    screen = _Screen(points, queries)
    squared = np.empty((len(asked), k))
    indices = np.empty((len(asked), k), np.int64)
    for part in _slices(len(asked), PAIRS // len(points)):
        lower, upper = screen.bounds(queries[asked[part]])
        # k points are at least so near, so that none beyond is among the k nearest.
        reach = np.partition(upper, k - 1, axis=1)[:, k - 1]
        row, column = np.nonzero(lower <= reach[:, None])
        exact = _exact(queries, points, asked[part][row], column)
        order = np.lexsort((column, exact, row))
        first = np.searchsorted(row, np.arange(len(lower)))
        best = order[first[:, None] + np.arange(k)]
        squared[part], indices[part] = exact[best], column[best]
    return Nearest(squared[inverse], indices[inverse])


def memberships(
    points: Float[np.ndarray, "n d"],
    centres: Float[np.ndarray, "m d"],
    squared_radii: Float[np.ndarray, "m"],
) -> Memberships:
    """Which points lie in the closed balls around the centres.

    A point on the sphere is in the ball, also where it is the very neighbour whose distance
    `nearest` gave as the radius.
    """
    screen = _Screen(centres, points)
    radii = np.minimum(squared_radii / screen.scale**2, np.finfo(np.float32).max).astype(np.float32)
    by_point = np.empty(len(points), np.int64)
    by_ball = np.zeros(len(centres), np.int64)
    for part in _slices(len(points), PAIRS // len(centres)):
        lower, upper = screen.bounds(points[part])
        inside = upper <= radii
        row, column = np.nonzero((lower <= radii) & ~inside)
        exact = _exact(points, centres, part.start + row, column)
        inside[row, column] = exact <= squared_radii[column]
        by_point[part] = np.count_nonzero(inside, axis=1)
        by_ball += np.count_nonzero(inside, axis=0)
    return Memberships(by_point, by_ball)


class _Screen:
    """Bounds of squared distances to the points, in units of `scale` squared.

    Coordinates are taken from the points' mean, which leaves less to cancel, and divided by the
    largest there is, so that no square overflows.
    """

    def __init__(self, points: np.ndarray, queries: np.ndarray) -> None:
        self.centre = points.mean(axis=0, dtype=np.float64)
        ends = [end(x, axis=0) for x in (points, queries) for end in (np.min, np.max)]
        self.scale = max(float(np.abs(end - self.centre).max()) for end in ends) or 1.0
        self.points = np.empty(points.shape, np.float32)
        self.squares = np.empty(len(points))
        for part in _slices(len(points), VALUES // points.shape[1]):
            self.points[part], self.squares[part] = self._scaled(points[part])
        # A product of d terms rounds by d units of |x||y| <= (|x|^2 + |y|^2) / 2, doubled; sixteen
        # more are ample for the coordinates' own rounding, the sums and the radii.
        self.slack = (points.shape[1] + 16) * UNIT

    def bounds(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What squared distances [q, m] are at least and at most, float32."""
        scaled, squares = self._scaled(queries)
        lower = (-2 * scaled) @ self.points.T
        upper = lower.copy()
        for bound, sign in ((lower, -1), (upper, 1)):
            part = 1 + sign * self.slack
            bound += (part * squares + sign * FLOOR).astype(np.float32)[:, None]
            bound += (part * self.squares).astype(np.float32)
        return lower, upper

    def _scaled(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = ((rows.astype(np.float64) - self.centre) / self.scale).astype(np.float32)
        return scaled, np.sum(np.square(scaled, dtype=np.float64), axis=1)


def _exact(x: np.ndarray, y: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of the pairs x[i], y[j], by differences in float64."""
    squared = np.empty(len(i))
    for part in _slices(len(i), VALUES // x.shape[1]):
        squared[part] = np.sum(np.square(x[i[part]].astype(np.float64) - y[j[part]]), axis=1)
    return squared


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each different row stands first, and which of those each row equals."""
    seen: dict[bytes, int] = {}
    firsts = [
        seen.setdefault(hashlib.sha256(np.ascontiguousarray(row).data).digest(), i)
        for i, row in enumerate(rows)
    ]
    return np.unique(firsts, return_inverse=True)


def _slices(count: int, size: int) -> list[slice]:
    """Consecutive slices of at most `size` (at least one) that cover 0 .. count - 1."""
    size = max(1, size)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
