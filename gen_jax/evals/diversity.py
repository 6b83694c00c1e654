"""Diversity of a few samples, against as many real images: cheap enough to watch while training."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform

from gen_jax.evals.model import Model

COUNT = 64
NEAR = 0.25
"""A sample nearer to another than this part of what is usual among real images repeats it."""

UNITS = {
    "diversity/distance": "mean distance between samples, ratio to test images",
    "diversity/duplicates": f"share of samples with another nearer than {NEAR} of what is usual",
}


class Reference(NamedTuple):
    """What the samples are held against, once for all of a training.

    Attributes:
      distance: mean Euclidean distance between two of the real images.
      nearest: median, over real images, of the distance to the nearest other one.
      labels: int32 [n], of the real images; samples are drawn of the same.
    """

    distance: float
    nearest: float
    labels: np.ndarray


def reference(model: Model, count: int = COUNT) -> Reference | None:
    """Distances among `count` test images, as the model sees them; its state is not needed.

    They are spread evenly over the test set, which may be sorted by class. None where half of them
    or more have a twin, so that there is no distance to measure by.
    """
    size = len(model.test)
    positions = np.unique(np.linspace(0, size - 1, min(count, size)).astype(np.int64))
    batch = model.observed(model.test, positions)
    if len(positions) < 2:
        return None
    distance, nearest = distances(batch["image"])
    if np.median(nearest) == 0:
        return None
    return Reference(distance, float(np.median(nearest)), batch["label"])


def measure(model: Model, real: Reference) -> dict[str, float]:
    """`diversity/distance` and `diversity/duplicates` of one sample per label of `real`.

    The keys, and with them the latents, are the same at every call. The first is 1 where samples
    lie as far apart as real images do, and 0 where they are all the same picture. The second is
    the share of samples whose nearest other sample is closer than `NEAR` times the real images'
    median; it is 1 where all are the same picture. Among real images of intrinsic dimension d it
    is about 1 - 2^-(NEAR^d), from the law of the nearest of uniformly scattered points: 0.04 in
    the plane, and nothing among photographs.
    """
    distance, nearest = distances(model.sample(real.labels))
    return {
        "diversity/distance": distance / real.distance,
        "diversity/duplicates": float(np.mean(nearest < NEAR * real.nearest)),
    }


def distances(images: Float[np.ndarray, "n h w c"]) -> tuple[float, Float[np.ndarray, "n"]]:
    """Mean Euclidean distance of two images, and that of each to its nearest other one."""
    pairs = pdist(images.reshape(len(images), -1).astype(np.float64))
    square = squareform(pairs)
    np.fill_diagonal(square, np.inf)
    return float(pairs.mean()), square.min(axis=1)
