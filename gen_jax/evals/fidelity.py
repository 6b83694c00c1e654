"""Samples against real images, as a frozen network sees both: the distances people quote.

`inception` looks through Inception-v3, `judge` through a classifier trained here; what is called
FID is the Frechet distance at Inception's last pooling and nothing else. Everything a number hangs
on is in its protocol, the floor beside it is the same number of real test images.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from threadpoolctl import threadpool_limits

from gen_jax.data.spec import DataSpec, Split
from gen_jax.errors import UserError
from gen_jax.evals import real_features
from gen_jax.evals.model import Model, Result, to_uint8
from gen_jax.evals.namer import STACKED
from gen_jax.features import extractor, judge
from gen_jax.features.extractor import Extractor, Features
from gen_jax.metrics import diversity, frechet, inception_score, kernel, manifold, neighbours
from gen_jax.metrics.moments import Moments

SUFFIXES = {"2048": "", "768": "_768", "192": "_192", "64": "_64", "classifier": "_classifier"}
"""How a tap shows in a metric's name; plain is what the papers mean."""

FEWEST = 10
"""Images without which no neighbourhood of any metric here is full."""

UNITS = {
    "fid": "squared distance of features, Gaussians fitted",
    "fd": "squared distance of features, Gaussians fitted; of a classifier, hence no FID",
    "fid_infinity": "the same, extrapolated to infinitely many samples",
    "fd_infinity": "the same, extrapolated to infinitely many samples",
    "kid": "squared MMD of features, cubic kernel, unbiased; mean of subsets",
    "kd": "squared MMD of features, cubic kernel, unbiased; mean of subsets",
    "precision": "share of samples within the real images' manifold, k = 3",
    "recall": "share of real images within the samples' manifold, k = 3",
    "density": "real neighbourhoods a sample is in, over k = 5; 1 for the data's own distribution",
    "coverage": "share of real neighbourhoods with a sample in them, k = 5",
    "is": "Inception Score, logits without bias, mean of 10 splits",
    "nearest_train": "median distance to the nearest training image, over held-out images'",
    "close_to_train": "share of samples nearer to training than all but 1 % of held-out images",
    "intra_class_distance": "mean distance of two samples' features, within classes",
    "intra_class_distance_real": "the same of real images",
}


class Side(NamedTuple):
    """Features of one side, and its classes where there are any."""

    features: Features
    labels: np.ndarray | None


def check(config: ConfigDict, train: Split, test: Split) -> None:
    """Raises UserError for what the evaluations of this module would stumble over later.

    Files that are none or of something else, the net that a loss is trained with as a judge, and
    fewer images than a Frechet distance needs.
    """
    if test.spec.modes:
        return
    for seer in (_inception(config), _classifier(config, test.spec)):
        if seer is not None:
            _check_counts(config, seer, len(train))


def through_inception(model: Model) -> Result | None:
    """Metrics at `eval.inception_taps` of Inception-v3; None without `eval.inception_weights`.

    Raises:
      UserError: as `check`.
    """
    seer = None if model.test.spec.modes else _inception(model.config)
    return None if seer is None else _evaluate(model, seer)


def through_classifier(model: Model) -> Result | None:
    """Metrics at the last features of `eval.classifier`; None without it, and of stacked MNIST.

    Raises:
      UserError: as `check`.
    """
    seer = None if model.test.spec.modes else _classifier(model.config, model.test.spec)
    return None if seer is None else _evaluate(model, seer)


def _inception(config: ConfigDict) -> Extractor | None:
    path, taps = config.eval.inception_weights, tuple(config.eval.inception_taps)
    return extractor.of_inception(path, taps) if path else None


def _classifier(config: ConfigDict, spec: DataSpec) -> Extractor | None:
    if not config.eval.classifier or spec.name == STACKED:  # whose classifier is of single digits
        return None
    seer = extractor.of_classifier(config.eval.classifier, spec)
    judge.refuse_own(seer.protocol["weights_sha256"], config)
    return seer


def _check_counts(config: ConfigDict, seer: Extractor, available: int) -> None:
    settings = config.eval
    least = max(seer.taps[tap] for tap in seer.taps if tap in SUFFIXES)
    reals = min(settings.fidelity_reals or available, available)
    for key, count in (("fidelity_reals", reals), ("fidelity_samples", settings.fidelity_samples)):
        if count < (FEWEST if settings.allow_few else least):
            raise UserError(
                f"eval.{key}: {count} images, and features have {least} dimensions; take more, or "
                f"pass --config.eval.allow_few=True for a distance of {FEWEST} or more all the same"
            )


def _evaluate(model: Model, seer: Extractor) -> Result:
    settings, config = model.config.eval, model.config
    _check_counts(config, seer, len(model.train))
    cache = real_features.cache_folder(settings.cache)
    reals, fakes = settings.fidelity_reals or len(model.train), settings.fidelity_samples
    real, real_digest = real_features.of_split(seer, model.train, reals, cache, "real train")
    held, held_digest = real_features.of_split(seer, model.test, fakes, cache, "real test")
    train, test = (
        Side(found, split.labels[: _count(found)])
        for found, split in ((real, model.train), (held, model.test))
    )
    asked = np.resize(model.test.labels[: _count(held)], fakes).astype(np.int32)
    drawn = real_features.watched(seer, _samples(model, asked), fakes, "samples")
    fake = Side(drawn, asked if config.conditional else None)
    absent = {_named("fid", tap): why for tap, why in seer.absent.items()}
    # What BLAS sums up must not depend on the cores it finds.
    with threadpool_limits(limits=1, user_api="blas"):
        values, errors = compare(seer, train, fake, config.seed, settings.allow_few)
        least = max(array.shape[1] for tap, array in held.items() if tap in SUFFIXES)
        if _count(held) >= (FEWEST if settings.allow_few else least):
            values |= _nearest(seer, train, fake, test)
            values |= _within_classes(seer, fake, test, config.seed)
            floor = compare(seer, train, test, config.seed, settings.allow_few)
            values |= {f"floor/{name}": value for name, value in floor[0].items()}
            errors |= {f"floor/{name}": value for name, value in floor[1].items()}
        else:
            absent["floor"] = f"{_count(held)} test images, and features have {least} dimensions"
    return Result(
        values=values,
        units={name: _unit(name) for name in values},
        errors=errors,
        protocol={
            "split": "train",
            "num_examples": _count(drawn),
            "num_real": _count(real),
            "num_fake": _count(drawn),
            "num_floor": _count(held),
            "seed": config.seed,
            "images": "as on disk; samples rounded to 8 bits; float64 statistics",
            **seer.protocol,
            "absent": absent,
            "real_sha256": real_digest,
            "floor_sha256": held_digest,
            "floor": "test images in the place of samples",
        },
    )


def compare(
    seer: Extractor, real: Side, fake: Side, seed: int, allow_few: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics of one set of images against another by name, and the errors of those that have one.

    Raises:
      UserError: a set is smaller than a metric needs; for the Frechet distance, than features have
        dimensions unless `allow_few`.
    """
    values: dict[str, float] = {}
    errors: dict[str, float] = {}
    frechets, kernels = ("fid", "kid") if seer.name == "inception" else ("fd", "kd")
    for tap in (tap for tap in seer.taps if tap in SUFFIXES):
        ours, theirs = real.features[tap], fake.features[tap]
        moments = Moments.of(ours)
        values[_named(frechets, tap)] = frechet.distance(moments, Moments.of(theirs), allow_few)
        if len(theirs) >= 5 * theirs.shape[1]:  # fewer samples leave no line to fit
            limit = frechet.infinity(moments, theirs, seed, allow_few=allow_few)
            values[_named(f"{frechets}_infinity", tap)] = limit.value
            errors[_named(f"{frechets}_infinity", tap)] = limit.error
        size = min(1000, len(ours), len(theirs))
        kid = kernel.kid(ours, theirs, seed, subset_size=size)
        values[_named(kernels, tap)] = kid.value
        if kid.error is not None:
            errors[_named(kernels, tap)] = kid.error
    last = _last(seer)
    ours, theirs = real.features[last], fake.features[last]
    shares = {
        **manifold.precision_recall(ours, theirs)._asdict(),
        **manifold.density_coverage(ours, theirs)._asdict(),
    }
    for name, value in shares.items():
        values[_named(name, last)] = value
    for name, count in (("precision", theirs), ("recall", ours), ("coverage", ours)):
        share = shares[name]
        errors[_named(name, last)] = float(np.sqrt(share * (1 - share) / len(count)))
    if "logits_unbiased" in fake.features:
        score = inception_score.from_logits(fake.features["logits_unbiased"], seed)
        values["is"], errors["is"] = score.value, score.error or 0.0
    return values, errors


def _nearest(seer: Extractor, train: Side, fake: Side, held: Side) -> dict[str, float]:
    """How near samples are to the training images, against held-out ones."""
    tap = _last(seer)
    found = neighbours.memorisation(fake.features[tap], train.features[tap], held.features[tap])
    return {
        _named("nearest_train", tap): found.ratio,
        _named("close_to_train", tap): found.close_share,
    }


def _within_classes(seer: Extractor, fake: Side, held: Side, seed: int) -> dict[str, float]:
    """Distance within classes, of samples and of test images; nothing of a model without them."""
    if fake.labels is None:
        return {}
    tap = _last(seer)
    name = "intra_class_distance"
    return {
        _named(of, tap): diversity.pair_distance(side.features[tap], seed, side.labels).value
        for of, side in ((name, fake), (f"{name}_real", held))
    }


def _samples(model: Model, labels: np.ndarray) -> Iterator[np.ndarray]:
    """Prior samples as files would hold them, uint8, block by block."""
    size = model.config.eval.batch_size
    for start in range(0, len(labels), size):
        yield to_uint8(model.sample(labels[start : start + size], first=start))


def _last(seer: Extractor) -> str:
    return [tap for tap in seer.taps if tap in SUFFIXES][-1]


def _named(metric: str, tap: str) -> str:
    return metric + SUFFIXES.get(tap, f"_{tap}")


def _unit(name: str) -> str:
    plain, where = name.removeprefix("floor/"), ""
    for tap, suffix in SUFFIXES.items():
        if suffix and plain.endswith(suffix):
            plain, where = plain.removesuffix(suffix), f"; {tap} features"
    real = "; test images for samples" if name.startswith("floor/") else ""
    return UNITS[plain] + where + real


def _count(features: Features) -> int:
    return len(next(iter(features.values())))
