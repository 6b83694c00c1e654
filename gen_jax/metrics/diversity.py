"""Diversity of samples: how much pairs of them differ, within classes where there are any."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gen_jax.errors import UserError
from gen_jax.metrics import checks
from gen_jax.metrics.estimate import Estimate
from gen_jax.metrics.similarity import ms_ssim

BLOCK = 512
"""Pairs that are measured at a time."""

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Values [p] of the pairs of examples whose indices are [p] and [p]."""


class Diversity(NamedTuple):
    """A mean over pairs of different samples.

    Attributes:
      value: the mean; with labels, of the classes' means.
      error: its standard error as an estimate of the mean over all pairs of these samples: 0
        where all pairs are taken.
      by_class: the same for each class that has a pair, by label; empty without labels.
    """

    value: float
    error: float
    by_class: dict[int, Estimate]


def pair_ms_ssim(
    images: Float[np.ndarray, "n h w c"],
    data_range: float,
    seed: int,
    labels: Int[np.ndarray, "n"] | None = None,
    pairs: int = 1000,
) -> Diversity:
    """Mean MS-SSIM of random pairs (Odena et al. 2017, section 4.2): lower is more diverse.

    A class that real images vary in and samples do not has the larger mean among the samples, up
    to 1 where they are all the same picture. See `similarity.ms_ssim` for the number of scales.

    Args:
      images: samples.
      data_range: the largest value there may be, where 0 is the smallest: 255 for bytes.
      seed: of the pairs; those of a class do not depend on the other classes.
      labels: classes, 0 or larger, to take pairs within; None: pairs of any two.
      pairs: how many pairs, of each class if there are any; all of them where there are fewer.

    Raises:
      UserError: there is no pair, the images are smaller than SSIM's window, or a value is
        negative.
    """
    return _over_pairs(
        lambda i, j: ms_ssim(images[i], images[j], data_range).values,
        len(images),
        seed,
        labels,
        pairs,
    )


def pair_distance(
    features: Float[np.ndarray, "n d"],
    seed: int,
    labels: Int[np.ndarray, "n"] | None = None,
    pairs: int = 10_000,
) -> Diversity:
    """Mean Euclidean distance of pairs' features: higher is more diverse.

    With labels it is the intra-class distance, which falls to 0 where a conditional generator
    knows one picture of each class.

    Args:
      features: of the samples.
      seed: of the pairs; those of a class do not depend on the other classes.
      labels: classes, 0 or larger, to take pairs within; None: pairs of any two.
      pairs: how many pairs, of each class if there are any; all of them where there are fewer.

    Raises:
      UserError: there is no pair, or features hold NaN or infinity.
    """
    features = checks.features(features, "generated")

    def between(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return np.linalg.norm(features[i].astype(np.float64) - features[j], axis=1)

    return _over_pairs(between, len(features), seed, labels, pairs)


def _over_pairs(
    measure: Measure, count: int, seed: int, labels: np.ndarray | None, pairs: int
) -> Diversity:
    if pairs < 2:
        raise UserError(f"a mean with an error needs two pairs or more, not {pairs}")
    if labels is None:
        everyone = _over(measure, np.arange(count), np.random.default_rng(seed), pairs)
        if everyone is None:
            raise UserError(f"diversity needs a pair of samples; there are {count}, draw more")
        return Diversity(*everyone, by_class={})
    if len(labels) != count:
        raise UserError(f"{count} samples have {len(labels)} labels; give each one of its own")
    by_class = {}
    for label in np.unique(labels).tolist():
        rng = np.random.default_rng([seed, label])
        estimate = _over(measure, np.flatnonzero(labels == label), rng, pairs)
        if estimate is not None:
            by_class[label] = estimate
    if not by_class:
        raise UserError("diversity within classes needs a class of two samples; draw more")
    values, errors = np.array(list(by_class.values())).T
    error = np.sqrt(np.sum(np.square(errors))) / len(errors)
    return Diversity(float(values.mean()), float(error), by_class)


def _over(
    measure: Measure, members: np.ndarray, rng: np.random.Generator, pairs: int
) -> Estimate | None:
    """Mean of the measure over pairs of different members; None where there is no pair."""
    count = len(members)
    total = count * (count - 1) // 2
    if not total:
        return None
    taken = min(pairs, total)
    chosen = rng.choice(total, taken, replace=False) if taken < total else np.arange(total)
    # Members on a circle: each pair is found once, from one end, by its place and its distance.
    i = chosen % count
    j = (i + chosen // count + 1) % count
    starts = range(0, taken, BLOCK)
    values = np.concatenate(
        [measure(members[i[s : s + BLOCK]], members[j[s : s + BLOCK]]) for s in starts]
    )
    # Drawn without replacement: of all pairs nothing is left to chance.
    variance = np.var(values, ddof=1) * (1 - taken / total) / taken if taken < total else 0.0
    return Estimate(float(values.mean()), float(np.sqrt(variance)))
