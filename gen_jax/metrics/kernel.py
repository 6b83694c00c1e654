"""The kernel distance of two sets of features (KID, where they are Inception-v3's)."""

import numpy as np
from jaxtyping import Float

from gen_jax.errors import UserError
from gen_jax.metrics import checks
from gen_jax.metrics.estimate import Repeated
from gen_jax.metrics.threads import in_order, one_blas_thread


def kid(
    real: Float[np.ndarray, "n d"],
    fake: Float[np.ndarray, "m d"],
    seed: int,
    subsets: int = 100,
    subset_size: int = 1000,
) -> Repeated:
    """The mean of `mmd2_unbiased` over random subsets (Binkowski et al. 2018, section 4).

    Unlike the Frechet distance it has no bias, whatever the number of samples. It may be negative
    where both sets are of one distribution. The error is the delete-d jackknife's (Shao & Wu 1989):
    subsets of b from n examples overlap, and their deviation over the root of their number would
    say how well the mean of the subsets is known, not the distance. It is

        deviation * sqrt(b / (n - b)),

    n being the smaller set, and on the high side where both sets are of one distribution.

    Args:
      real: features of real examples.
      fake: features of generated ones.
      seed: of the subsets.
      subsets: how many pairs of subsets are drawn.
      subset_size: examples in each, without replacement; half the smaller set or fewer, or there is
        no error.

    Raises:
      UserError: a set holds fewer examples than a subset, or a subset fewer than two.
    """
    real, fake = checks.two(real, fake)
    if not 2 <= subset_size <= min(len(real), len(fake)) or subsets < 1:
        raise UserError(
            f"{subsets} KID subsets of {subset_size} cannot be drawn from {len(real)} real and"
            f" {len(fake)} generated examples; lower the subset size or take more examples"
        )
    rng = np.random.default_rng(seed)
    drawn = [
        tuple(rng.choice(len(of), subset_size, replace=False) for of in (real, fake))
        for _ in range(subsets)
    ]
    found = in_order(lambda pair: mmd2_unbiased(real[pair[0]], fake[pair[1]]), drawn)
    deviation, count = float(np.std(found)), min(len(real), len(fake))
    known = subsets > 1 and 2 * subset_size <= count
    error = deviation * (subset_size / (count - subset_size)) ** 0.5 if known else None
    return Repeated(float(np.mean(found)), error, deviation)


def mmd2_unbiased(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """Unbiased estimate of the squared maximum mean discrepancy under the cubic kernel.

    The mean of k over pairs of different x, and of different y, less twice that over pairs of an
    x and a y (Gretton et al. 2012, lemma 6), with k(x, y) = (x . y / d + 1)^3 (Binkowski et al.
    2018, section 4).

    Args:
      x: two examples or more.
      y: likewise.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    n, m = len(x), len(y)
    with one_blas_thread():
        within_x, within_y, between = _cubic(x, x), _cubic(y, y), _cubic(x, y)
    mean_x = (within_x.sum() - np.trace(within_x)) / (n * (n - 1))
    mean_y = (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
    return float(mean_x + mean_y - 2 * between.mean())


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1
    # NumPy's power takes ten times as long.
    return base * base * base
