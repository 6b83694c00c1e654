"""Fidelity and coverage apart: precision and recall, density and coverage.

A set's manifold is taken to be the union of balls around its examples, each as large as the
distance to the example's k-th nearest other one. Balls are closed: a point on the sphere is in.
That makes a copy of an example a member even where the example has k duplicates and its ball no
radius.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen_jax.errors import UserError
from gen_jax.metrics import checks, distances


class PrecisionRecall(NamedTuple):
    """Shares, 0 to 1.

    Attributes:
      precision: of samples that lie in the real examples' manifold.
      recall: of real examples that lie in the samples' manifold.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """How densely real neighbourhoods are populated, and how many of them are at all.

    Attributes:
      density: real balls that a sample lies in, on average, over k. Not bounded by 1, which is its
        expectation for samples of the data's own distribution.
      coverage: share of real balls that hold a sample. For samples of the data's own distribution,
        as many as there are real examples, about 1 - 2^-k.
    """

    density: float
    coverage: float


def precision_recall(
    real: Float[np.ndarray, "n d"], fake: Float[np.ndarray, "m d"], k: int = 3
) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al. 2019, eq. 1 and 2).

    Both grow with the number of examples in the set whose manifold it is: compare at equal sizes.

    Args:
      real: features of real examples.
      fake: features of generated ones.
      k: the neighbour that sets the size of a ball.

    Raises:
      UserError: a set holds k examples or fewer.
    """
    real, fake = checks.two(real, fake)
    precise = distances.memberships(fake, real, _squared_radii(real, k, "real"))
    recalled = distances.memberships(real, fake, _squared_radii(fake, k, "generated"))
    return PrecisionRecall(
        precision=float(np.mean(precise.by_point > 0)),
        recall=float(np.mean(recalled.by_point > 0)),
    )


def density_coverage(
    real: Float[np.ndarray, "n d"], fake: Float[np.ndarray, "m d"], k: int = 5
) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020, section 3).

    Only the real examples' manifold is used, which outliers among the samples cannot inflate.

    Args:
      real: features of real examples.
      fake: features of generated ones.
      k: the neighbour that sets the size of a ball.

    Raises:
      UserError: there are k real examples or fewer.
    """
    real, fake = checks.two(real, fake)
    held = distances.memberships(fake, real, _squared_radii(real, k, "real"))
    return DensityCoverage(
        density=float(np.mean(held.by_point) / k), coverage=float(np.mean(held.by_ball > 0))
    )


def _squared_radii(points: np.ndarray, k: int, whose: str) -> np.ndarray:
    """Squared distance [n] of each point to its k-th nearest other one."""
    if not 1 <= k < len(points):
        raise UserError(
            f"the neighbour k={k} is not among {len(points)} {whose} examples; take more examples"
            " or a smaller k"
        )
    # The nearest of all is the point itself, or a duplicate: at 0 either way.
    return distances.nearest(points, points, k + 1).squared[:, k]
