"""Memorisation: whether samples lie nearer to training images than new real images do."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gen_jax.errors import UserError
from gen_jax.metrics import checks, distances


class Memorisation(NamedTuple):
    """How near samples lie to the training set, against held-out real examples.

    Attributes:
      ratio: median distance of a sample to its nearest training example, over that of a held-out
        example: about 1 for samples of the data's own distribution, 0 for copies; above 1 samples
        lie off the data.
      close_share: share of samples that are at most as far as `threshold`.
      close_share_held_out: the same of the held-out examples: `quantile`, but for ties.
      threshold: the quantile of the held-out examples' distances.
      distances: of each sample to its nearest training example, float64 [n].
      nearest: that example's row, int64 [n].
      held_out_distances: of each held-out example to its own, float64 [m].
    """

    ratio: float
    close_share: float
    close_share_held_out: float
    threshold: float
    distances: Float[np.ndarray, "n"]
    nearest: Int[np.ndarray, "n"]
    held_out_distances: Float[np.ndarray, "m"]


def memorisation(
    fake: Float[np.ndarray, "n d"],
    train: Float[np.ndarray, "t d"],
    held_out: Float[np.ndarray, "m d"],
    quantile: float = 0.01,
) -> Memorisation:
    """Distances to the training set of samples and of held-out examples, compared.

    A distance to a training image means nothing by itself: photographs of one data set may be all
    alike. Held-out images, which nobody has learnt from, tell what is usual (Meehan et al. 2020,
    "A non-parametric test to detect data-copying in generative models"). A model that
    copies some of its samples shows in `close_share`, one that copies most also in `ratio`.

    Args:
      fake: features of the samples.
      train: features of the images that were trained on.
      held_out: features of real images that were not.
      quantile: of the held-out distances, below which a sample is suspiciously close, in (0, 1).

    Raises:
      UserError: dimensions differ, the quantile is out of range, or half of the held-out images
        are training images.
    """
    train, fake = checks.two(train, fake)
    train, held_out = checks.two(train, held_out, "held-out")
    if not 0 < quantile < 1:
        raise UserError(f"the quantile {quantile} is not between 0 and 1; 0.01 is usual")
    found = distances.nearest(fake, train, 1)
    mine = np.sqrt(found.squared[:, 0])
    usual = np.sqrt(distances.nearest(held_out, train, 1).squared[:, 0])
    if np.median(usual) == 0:
        raise UserError(
            "half of the held-out examples or more equal a training example; hold out others"
        )
    threshold = float(np.quantile(usual, quantile))
    return Memorisation(
        ratio=float(np.median(mine) / np.median(usual)),
        close_share=float(np.mean(mine <= threshold)),
        close_share_held_out=float(np.mean(usual <= threshold)),
        threshold=threshold,
        distances=mine,
        nearest=found.indices[:, 0],
        held_out_distances=usual,
    )
