"""The Frechet distance of two sets of features, and its limit for infinitely many samples.

Of Inception-v3's last pooling it is called FID (Heusel et al. 2017); of other features it is not.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen_jax.errors import UserError
from gen_jax.metrics import checks
from gen_jax.metrics.moments import ROWS, Moments
from gen_jax.metrics.threads import in_order, one_blas_thread

SIZES = 15
"""How many subset sizes a line is fitted to by default, as by Chong & Forsyth."""


def distance(real: Moments, fake: Moments, allow_few: bool = False) -> float:
    """Squared Frechet distance of the Gaussians that have these moments, in squared units.

    It is biased upwards by about 1 / n of samples, so that numbers compare only at equal n.

    Args:
      real: moments of real examples.
      fake: moments of generated ones.
      allow_few: take it although a covariance is singular for want of examples. The number is
        then what it is, and hangs on n even more.

    Raises:
      UserError: there are fewer examples than dimensions, or fewer than two; dimensions differ.
    """
    checks.same_dimension(real.dimension, fake.dimension)
    _enough(real.count, "real", real.dimension, allow_few)
    _enough(fake.count, "generated", fake.dimension, allow_few)
    return gaussian_distance(real.mean, real.covariance, fake.mean, fake.covariance)


def gaussian_distance(
    mean: Float[np.ndarray, "d"],
    covariance: Float[np.ndarray, "d d"],
    other_mean: Float[np.ndarray, "d"],
    other_covariance: Float[np.ndarray, "d d"],
) -> float:
    """Squared Frechet (2-Wasserstein) distance of two Gaussians (Dowson & Landau 1982).

        |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

    S1 S2 is not symmetric, and iterations for its root fail where it is singular. It has the
    eigenvalues of S1^(1/2) S2 S1^(1/2), which is symmetric: the trace is the sum of their roots.
    """
    return _Gaussian(mean, covariance).distance(other_mean, other_covariance)


class Extrapolation(NamedTuple):
    """The line distance = value + slope / n through the distances of subsets of n samples.

    Attributes:
      value: the intercept: the distance at infinitely many samples.
      error: its standard error, of the residuals. Subsets share samples, so it is on the low side.
      slope: of the line; the bias at n samples is slope / n.
      sizes: n of each subset.
      distances: the subsets' distances.
    """

    value: float
    error: float
    slope: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def infinity(
    real: Moments,
    fake: Float[np.ndarray, "n d"],
    seed: int,
    sizes: Sequence[int] | None = None,
    allow_few: bool = False,
) -> Extrapolation:
    """The distance at infinitely many samples (FID-infinity: Chong & Forsyth 2020).

    The bias is 1 / n to first order: the distances of random subsets of n samples are fitted by a
    line in 1 / n, least squares. The bias of the real examples' own number remains.

    Args:
      real: moments of the real examples.
      fake: features of all samples.
      seed: of the subsets.
      sizes: their sizes, at least three different ones; by default `SIZES` of them, evenly spaced
        from a tenth of the samples, or two for each dimension where that is more, to all.
      allow_few: as in `distance`.

    Raises:
      UserError: sizes are too few, too small (see `distance`) or beyond the samples there are.
    """
    fake = checks.features(fake, "generated")
    count, dimension = fake.shape
    checks.same_dimension(real.dimension, dimension)
    if sizes is None:
        # With about as many samples as dimensions the bias is far from its first order.
        least = max(count // 10, 2 if allow_few else 2 * dimension)
        sizes = np.unique(np.linspace(least, max(least, count), SIZES).astype(int)).tolist()
    if len(set(sizes)) < 3 or max(sizes) > count:
        raise UserError(
            f"a line in 1 / n needs three subset sizes or more up to the {count} samples there are,"
            f" not {list(sizes)}; draw more samples"
        )
    _enough(real.count, "real", dimension, allow_few)
    _enough(min(sizes), "generated", dimension, allow_few)
    rng = np.random.default_rng(seed)
    subsets = [rng.choice(count, size, replace=False) for size in sizes]
    gaussian = _Gaussian(real.mean, real.covariance)

    def measured(subset: np.ndarray) -> float:
        moments = Moments(dimension)
        for start in range(0, len(subset), ROWS):
            moments.add(fake[subset[start : start + ROWS]])
        return gaussian.distance(moments.mean, moments.covariance)

    distances = in_order(measured, subsets)
    return _line(sizes, distances)


class _Gaussian:
    """A Gaussian whose distance to several others is asked: its covariance's root is kept."""

    def __init__(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        self.mean, self.trace = mean, np.trace(covariance)
        with one_blas_thread():
            values, vectors = np.linalg.eigh(covariance)
            # Rounding leaves some of a singular matrix's eigenvalues a hair below 0.
            self.root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T

    def distance(self, mean: np.ndarray, covariance: np.ndarray) -> float:
        with one_blas_thread():
            product = self.root @ covariance @ self.root
            values = np.linalg.eigvalsh((product + product.T) / 2)
        overlap = np.sum(np.sqrt(np.maximum(values, 0)))
        apart = np.sum(np.square(self.mean - mean))
        # Of equal Gaussians the terms cancel, and rounding has either sign.
        return max(0.0, float(apart + self.trace + np.trace(covariance) - 2 * overlap))


def _line(sizes: Sequence[int], distances: Sequence[float]) -> Extrapolation:
    """Ordinary least squares of distances on 1 / n."""
    x, y = 1 / np.asarray(sizes, np.float64), np.asarray(distances)
    centred = x - x.mean()
    spread = np.sum(np.square(centred))
    slope = np.sum(centred * y) / spread
    value = y.mean() - slope * x.mean()
    residual = np.sum(np.square(y - value - slope * x)) / (len(x) - 2)
    error = np.sqrt(residual * (1 / len(x) + x.mean() ** 2 / spread))
    return Extrapolation(float(value), float(error), float(slope), tuple(sizes), tuple(distances))


def _enough(count: int, whose: str, dimension: int, allow_few: bool) -> None:
    if count < 2:
        raise UserError(f"a covariance needs two examples; {count} {whose} are there")
    if count < dimension and not allow_few:
        raise UserError(
            f"the Frechet distance in {dimension} dimensions needs as many examples, and {count}"
            f" {whose} are there; take more, or a layer of fewer dimensions"
        )
