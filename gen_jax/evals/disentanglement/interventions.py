"""Scores that hold one factor fixed and ask which one it was, from the representation alone.

Both were defined on a renderer that draws new images with one factor fixed. Here those images are
drawn, with replacement, from the ones given, as a data set without a renderer allows.
"""

import numpy as np
from jaxtyping import Float, Int

PAIRS = 64
"""Pairs of images a point of `higgins` averages over, and images a vote of `factor_vae` takes."""
TRAIN_POINTS = 5000
TEST_POINTS = 2500
DEAD = 1e-5
"""A dimension with a standard deviation below so much of the largest one is constant."""


def higgins(z: Float[np.ndarray, "n Z"], factors: Int[np.ndarray, "n F"], seed: int) -> float:
    """The beta-VAE metric (Higgins et al. 2017, section 3).

    A point is the mean of |z_1 - z_2| over pairs of images that share one factor, chosen at
    random; a linear classifier (logistic regression, L2, on standardised inputs) learns which.
    Training and held-out points draw from the same images. It takes a factor that is spread over
    dimensions more lightly than the others do: a random rotation of the true factors of `shapes`
    still scores 0.7.

    Args:
        z: representations.
        factors: values of the generative factors; each takes at least two.
        seed: decides the pairs.

    Returns:
        Accuracy on held-out points, at most 1; chance is 1/F.
    """
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    groups = [_Group(factor) for factor in factors.T]
    z = _standardised(z)
    count = TRAIN_POINTS + TEST_POINTS
    labels = rng.integers(len(groups), size=count)
    points = np.empty((count, z.shape[1]), np.float32)
    for point, label in enumerate(labels):
        one, other = groups[label].pairs(rng, PAIRS)
        points[point] = np.abs(z[one] - z[other]).mean(axis=0)
    points = _standardised(points, moments_of=points[:TRAIN_POINTS])
    model = LogisticRegression(max_iter=1000, tol=1e-3)
    model.fit(points[:TRAIN_POINTS], labels[:TRAIN_POINTS])
    return float(model.score(points[TRAIN_POINTS:], labels[TRAIN_POINTS:]))


def factor_vae(z: Float[np.ndarray, "n Z"], factors: Int[np.ndarray, "n F"], seed: int) -> float:
    """The FactorVAE metric (Kim & Mnih 2018, section 4 and figure 2).

    A vote takes images that share one factor's value and names the dimension that varies least
    among them, relative to its variance over all images. Each dimension then stands for the
    factor it was most often named for, on training votes, and held-out votes are judged by
    that. Constant dimensions (`DEAD`) do not vote.

    Args:
        z: representations.
        factors: values of the generative factors; each takes at least two.
        seed: decides the votes.

    Returns:
        Share of held-out votes that are right, at most 1; chance is 1/F, also the score of a
        representation that is constant.
    """
    deviation = z.std(axis=0, dtype=np.float64)
    alive = deviation > DEAD * deviation.max()
    if not alive.any():
        return 1 / factors.shape[1]
    rng = np.random.default_rng(seed)
    groups = [_Group(factor) for factor in factors.T]
    z = _standardised(z[:, alive])
    count = TRAIN_POINTS + TEST_POINTS
    labels = rng.integers(len(groups), size=count)
    named = np.array([z[groups[k].sharing(rng, PAIRS)].var(axis=0).argmin() for k in labels])
    votes = np.zeros((z.shape[1], len(groups)), np.int64)
    np.add.at(votes, (named[:TRAIN_POINTS], labels[:TRAIN_POINTS]), 1)
    return float(np.mean(votes.argmax(axis=1)[named[TRAIN_POINTS:]] == labels[TRAIN_POINTS:]))


class _Group:
    """Images by the value they have of one factor; those alone with theirs are left out."""

    def __init__(self, factor: np.ndarray):
        _, values, counts = np.unique(factor, return_inverse=True, return_counts=True)
        self._order = np.argsort(values, kind="stable")
        self._order = self._order[counts[values[self._order]] > 1]
        if len(counts) < 2 or not len(self._order):
            raise ValueError("a factor needs two values, and two images with the same one")
        _, self._starts, self._sizes = np.unique(
            values[self._order], return_index=True, return_counts=True
        )
        self._member = np.repeat(np.arange(len(self._sizes)), self._sizes)

    def pairs(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of different images with the same value: positions [count] of either."""
        place = rng.integers(len(self._order), size=count)
        group = self._member[place]
        start, size = self._starts[group], self._sizes[group]
        step = 1 + np.floor(rng.random(count) * (size - 1)).astype(np.int64)
        return self._order[place], self._order[start + (place - start + step) % size]

    def sharing(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Positions [count] of images with one value, that of an image drawn first."""
        group = self._member[rng.integers(len(self._order))]
        start = self._starts[group]
        return self._order[start + rng.integers(self._sizes[group], size=count)]


def _standardised(x: np.ndarray, moments_of: np.ndarray | None = None) -> np.ndarray:
    """To mean 0 and variance 1 a column, float32; a constant column becomes 0."""
    source = x if moments_of is None else moments_of
    deviation = source.std(axis=0, dtype=np.float64)
    constant = deviation <= DEAD * deviation.max(initial=0)
    # Not in float64 throughout: as pixels, x is as large as the data set.
    out = x - source.mean(axis=0, dtype=np.float64).astype(x.dtype)
    out /= np.where(constant, 1, deviation).astype(x.dtype)
    out[:, constant] = 0
    return out.astype(np.float32, copy=False)
