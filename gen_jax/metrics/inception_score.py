"""The Inception score of class probabilities."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.special import rel_entr, softmax

from gen_jax.errors import UserError
from gen_jax.metrics import checks
from gen_jax.metrics.estimate import Repeated, repeated

TOLERANCE = 1e-3
"""What the sum of an example's probabilities may be off 1."""


def from_logits(logits: Float[np.ndarray, "n k"], seed: int | None, splits: int = 10) -> Repeated:
    """The score of a classifier's logits; see `from_probabilities`."""
    logits = checks.features(logits, "generated")
    return from_probabilities(softmax(logits.astype(np.float64), axis=1), seed, splits)


def from_probabilities(
    probabilities: Float[np.ndarray, "n k"], seed: int | None, splits: int = 10
) -> Repeated:
    """exp E_x KL(p(y|x) || p(y)), where p(y) = E_x p(y|x) (Salimans et al. 2016, section 4).

    From 1, where all examples are judged alike, to k, where each is judged with certainty and all
    classes are equally frequent. It knows nothing of real images.

    Args:
      probabilities: of the classes for each sample; rows sum to 1.
      seed: of the order in which samples are dealt to the splits; None leaves it as it is, which
        is only right where it tells nothing of the class.
      splits: parts the samples are divided into, each with a score of its own.

    Returns:
      The mean over the splits, with the deviation that is usually printed beside it.

    Raises:
      UserError: there are fewer samples than splits, or rows are no probabilities.
    """
    probabilities = checks.features(probabilities, "generated").astype(np.float64)
    count = len(probabilities)
    if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > TOLERANCE:
        raise UserError("class probabilities are negative or do not sum to 1; give softmax outputs")
    if not 1 <= splits <= count:
        raise UserError(f"{count} samples cannot be split into {splits}; take fewer splits")
    if seed is not None:
        probabilities = probabilities[np.random.default_rng(seed).permutation(count)]
    ends = [i * count // splits for i in range(splits + 1)]
    return repeated([_score(probabilities[a:b]) for a, b in pairwise(ends)])


def _score(probabilities: np.ndarray) -> float:
    marginal = probabilities.mean(axis=0)
    return float(np.exp(rel_entr(probabilities, marginal).sum(axis=1).mean()))
