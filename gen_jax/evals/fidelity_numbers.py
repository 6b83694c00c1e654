"""The numbers of one set of images against another, each a set of features with its labels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gen_jax.errors import UserError
from gen_jax.evals import fidelity_names as names
from gen_jax.features.extractor import Extractor, Features
from gen_jax.metrics import diversity, frechet, inception_score, kernel, manifold, neighbours
from gen_jax.metrics.estimate import share_error
from gen_jax.metrics.moments import Moments

SPREAD = 4
"""Samples a dimension without which no line of distances is fitted: its sizes begin at two."""

SUBSETS, SUBSET_SIZE = 100, 1000
"""Of the kernel distance; smaller ones of few images."""

Numbers = tuple[dict[str, float], dict[str, float]]
"""Values by name, and the errors of those that have one."""


class Side(NamedTuple):
    """Features of one side, and its classes where there are any."""

    features: Features
    labels: np.ndarray | None

    @property
    def size(self) -> int:
        """How many images."""
        return len(next(iter(self.features.values())))


def compare(seer: Extractor, real: Side, fake: Side, seed: int, allow_few: bool) -> Numbers:
    """Metrics of one set of images against another by name, and the errors of those that have one.

    Raises:
      UserError: a set is smaller than a metric needs; for the Frechet distance, than features have
        dimensions unless `allow_few`.
    """
    values: dict[str, float] = {}
    errors: dict[str, float] = {}
    distance, kernels = names.FRECHET[seer.name], names.KERNEL[seer.name]
    taps = names.distances(seer.taps)
    for tap in taps:
        ours, theirs = real.features[tap], fake.features[tap]
        moments = Moments.of(ours)
        values[names.named(distance, tap)] = frechet.distance(
            moments, Moments.of(theirs), allow_few
        )
        if len(theirs) >= SPREAD * theirs.shape[1]:
            limit = frechet.infinity(moments, theirs, seed, allow_few=allow_few)
            values[names.named(f"{distance}_infinity", tap)] = limit.value
            errors[names.named(f"{distance}_infinity", tap)] = limit.error
        size = subset_size(real, fake)
        kid = kernel.kid(ours, theirs, seed, SUBSETS, size)
        values[names.named(kernels, tap)] = kid.value
        if kid.error is not None:
            errors[names.named(kernels, tap)] = kid.error
    ours, theirs = real.features[taps[0]], fake.features[taps[0]]
    shares = {
        **manifold.precision_recall(ours, theirs)._asdict(),
        **manifold.density_coverage(ours, theirs)._asdict(),
    }
    for name, value in shares.items():
        values[names.named(name, taps[0])] = value
    for name, count in (("precision", theirs), ("recall", ours), ("coverage", ours)):
        errors[names.named(name, taps[0])] = share_error(shares[name], len(count))
    if names.LOGITS in fake.features:
        score = inception_score.from_logits(fake.features[names.LOGITS], seed)
        values["is"] = score.value
        if score.error is not None:
            errors["is"] = score.error
    return values, errors


def of_fewer(
    seer: Extractor, real: Side, fake: Side, counts: Sequence[int], allow_few: bool
) -> Numbers:
    """Frechet distances of the first so many samples: what a small number of them adds.

    At the taps whose features have no more dimensions, or, if `allow_few`, at all.
    """
    values = {}
    for tap in names.distances(seer.taps):
        moments, name = Moments.of(real.features[tap]), names.named(names.FRECHET[seer.name], tap)
        for count in counts:
            if count < seer.taps[tap] and not allow_few:
                continue
            some = Moments.of(fake.features[tap][:count])
            values[f"first_{count}/{name}"] = frechet.distance(moments, some, allow_few)
    return values, {}


def copies(
    seer: Extractor, train: Side, fake: Side, held: Side | None, absent: dict[str, str]
) -> Numbers:
    """How near samples are to training images, against held-out ones; or into `absent`, why not."""
    tap = names.distances(seer.taps)[0]
    nearest, close = (names.named(name, tap) for name in names.HELD_OUT)
    if held is None:
        return {}, {}
    try:
        found = neighbours.memorisation(fake.features[tap], train.features[tap], held.features[tap])
    except UserError as error:  # half of the held-out images are training images
        absent |= {nearest: str(error), close: str(error)}
        return {}, {}
    share = found.close_share
    return {nearest: found.ratio, close: share}, {close: share_error(share, len(found.distances))}


def within_classes(seer: Extractor, fake: Side, held: Side | None, seed: int) -> Numbers:
    """Distance within classes, of samples and of test images; nothing of a model without them."""
    tap = names.distances(seer.taps)[0]
    values: dict[str, float] = {}
    errors: dict[str, float] = {}
    if fake.labels is None:
        return values, errors
    for metric, side in zip(names.WITHIN, (fake, held), strict=True):
        # A class with a pair is needed.
        if side is not None and side.labels is not None and np.bincount(side.labels).max() > 1:
            found = diversity.pair_distance(side.features[tap], seed, side.labels)
            name = names.named(metric, tap)
            values[name], errors[name] = found.value, found.error
    return values, errors


def subset_size(real: Side, fake: Side) -> int:
    """Of the kernel distance: half of the smaller set at most, since whole sets show no error."""
    return max(2, min(SUBSET_SIZE, min(real.size, fake.size) // 2))
