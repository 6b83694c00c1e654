"""Samples against real images, as a frozen network sees both: the distances people quote.

Through Inception-v3, or through a classifier trained here; what is called FID is the Frechet
distance at Inception's last pooling and nothing else. Everything a number hangs on is in its
protocol, the floor beside it is the same number of real test images; where there are fewer, as many
samples are measured beside it, for distances compare only of equal counts.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from threadpoolctl import threadpool_limits

from gen_jax.data import Subset
from gen_jax.data.spec import DataSpec, Split
from gen_jax.errors import UserError
from gen_jax.evals import fidelity_names as names
from gen_jax.evals import fidelity_numbers as numbers
from gen_jax.evals import real_features
from gen_jax.evals.fidelity_numbers import Numbers, Side
from gen_jax.evals.model import Model, Result
from gen_jax.evals.namer import STACKED
from gen_jax.features import extractor, judge
from gen_jax.features.extractor import Extractor

FEWEST = 10
"""Images without which no neighbourhood of any metric here is full."""


def check(config: ConfigDict, train: Split, test: Split) -> None:
    """Raises UserError for what the evaluations of this module would stumble over later.

    Files that are none or of something else, the net that a loss is trained with as a judge, and
    fewer images than a Frechet distance needs.
    """
    if test.spec.modes:
        return
    for seer in seers(config, test.spec):
        check_counts(config, seer, len(train))


def seers(config: ConfigDict, spec: DataSpec) -> list[Extractor]:
    """The networks that a config has images looked at through."""
    return [seer for seer in (_inception(config), _classifier(config, spec)) if seer is not None]


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
    seer = classifier(model)
    return None if seer is None else _evaluate(model, seer)


def _inception(config: ConfigDict) -> Extractor | None:
    path, taps = config.eval.inception_weights, tuple(config.eval.inception_taps)
    if not path:
        return None
    seer = extractor.of_inception(path, taps)
    if not names.distances(seer.taps):
        known = ", ".join(tap for tap in names.SUFFIXES if tap != "classifier")
        absent = "".join(f"; {tap}: {why}" for tap, why in seer.absent.items())
        raise UserError(f"eval.inception_taps={taps}: one of {known} at least is needed{absent}")
    return seer


def classifier(model: Model) -> Extractor | None:
    """What `through_classifier` looks through, if at all."""
    return None if model.test.spec.modes else _classifier(model.config, model.test.spec)


def _classifier(config: ConfigDict, spec: DataSpec) -> Extractor | None:
    if not config.eval.classifier or spec.name == STACKED:  # whose classifier is of single digits
        return None
    seer = extractor.of_classifier(config.eval.classifier, spec)
    judge.refuse_own(seer.protocol["weights_sha256"], config)
    return seer


def check_counts(config: ConfigDict, seer: Extractor, available: int) -> None:
    """Raises UserError for fewer images than features have dimensions, unless that is asked for."""
    settings = config.eval
    reals = min(settings.fidelity_reals or available, available)
    check_count("fidelity_reals", reals, seer, config)
    check_count("fidelity_samples", settings.fidelity_samples, seer, config)
    for count in settings.fidelity_fewer:
        if count >= settings.fidelity_samples:
            raise UserError(
                f"eval.fidelity_fewer: {count} is no fewer than eval.fidelity_samples="
                f"{settings.fidelity_samples}"
            )


def check_count(key: str, count: int, seer: Extractor, config: ConfigDict) -> None:
    """Likewise, of one set of images; `key` of the section `eval` says how many."""
    least = _dimension(seer)
    if count < (FEWEST if config.eval.allow_few else least):
        raise UserError(
            f"eval.{key}: {count} images, and features have {least} dimensions; take more, or "
            f"pass --config.eval.allow_few=True for a distance of {FEWEST} or more all the same"
        )


class _Held(NamedTuple):
    """Test images of the classes trained on, none if there are too few; and their SHA-256 (hex)."""

    side: Side | None
    number: int
    digest: str | None


def _evaluate(model: Model, seer: Extractor) -> Result:
    settings, config = model.config.eval, model.config
    check_counts(config, seer, len(model.train))
    cache = real_features.cache_folder(settings.cache)
    reals, fakes = settings.fidelity_reals or len(model.train), settings.fidelity_samples
    real, real_digest = real_features.of_split(seer, model.train, reals, cache, "real train")
    train = Side(real, model.train.labels[:reals])
    held = _held(model, seer, cache)
    asked = asked_labels(model, fakes)
    drawn = real_features.watched(seer, model.drawn(asked), fakes, "samples")
    fake = Side(drawn, asked if config.conditional else None)
    fewer = sorted({*settings.fidelity_fewer, *_floors_count(seer, held, fakes, settings)})
    absent = {name: why for tap, why in seer.absent.items() for name in names.at_tap(seer, tap)}
    # What BLAS sums up must not depend on the cores it finds.
    with threadpool_limits(limits=1, user_api="blas"):
        values, errors = numbers.compare(seer, train, fake, config.seed, settings.allow_few)
        for more in (
            numbers.of_fewer(seer, train, fake, fewer, settings.allow_few),
            _floor(model, seer, train, held),
            numbers.copies(seer, train, fake, held.side, absent),
            numbers.within_classes(seer, fake, held.side, config.seed),
        ):
            values, errors = values | more[0], errors | more[1]
    for name in (name for tap in seer.taps for name in names.at_tap(seer, tap)):
        if name not in values:
            absent.setdefault(name, _lacking(name, seer, fake, held.number))
    units = {name: names.unit(name) for name in values}
    if held.number < fakes:
        of = f", {held.number} of them"
        units |= {name: unit + of for name, unit in units.items() if name.startswith("floor/")}
    return Result(
        values=values,
        units=units,
        errors=errors,
        protocol={
            "split": "train",
            "num_examples": fakes,
            "num_real": train.size,
            "num_real_of": len(model.train),
            "num_fake": fakes,
            "num_floor": held.number,
            "seed": config.seed,
            "images": "as on disk; samples rounded to 8 bits; float64 statistics",
            "kid_subsets": [numbers.SUBSETS, numbers.subset_size(train, fake)],
            **seer.protocol,
            "absent": absent,
            "real_sha256": real_digest,
            "floor_sha256": held.digest,
            "floor": "test images in the place of samples",
        },
    )


def held_out(model: Model) -> Subset:
    """The test images of classes that were trained on: nobody can be asked for others."""
    known = np.flatnonzero(np.isin(model.test.labels, model.trained_classes()))
    return Subset(model.test.spec, model.test, known)


def asked_labels(model: Model, count: int) -> np.ndarray:
    """Labels int32 [count] that samples are drawn for: those of the first test images, in turn.

    Of training images where there are hardly any test images of the classes trained on.
    """
    split = held_out(model)
    labels = split.labels if len(split) >= FEWEST else model.train.labels
    return np.resize(np.asarray(labels)[:count], count).astype(np.int32)


def _held(model: Model, seer: Extractor, cache: Path | None) -> _Held:
    split, count = held_out(model), model.config.eval.fidelity_samples
    if len(split) < FEWEST:
        return _Held(None, len(split), None)
    found, digest = real_features.of_split(seer, split, count, cache, "real test")
    side = Side(found, split.labels[:count])
    return _Held(side, side.size, digest)


def _enough(seer: Extractor, held: _Held, few: bool) -> bool:
    """Whether there are test images for a floor."""
    return held.side is not None and held.number >= (FEWEST if few else _dimension(seer))


def _floors_count(seer: Extractor, held: _Held, fakes: int, settings: ConfigDict) -> list[int]:
    """How many samples a floor compares with, where that is not all of them."""
    short = held.number < fakes and _enough(seer, held, settings.allow_few)
    return [held.number] if short else []


def _floor(model: Model, seer: Extractor, train: Side, held: _Held) -> Numbers:
    """Test images in the place of samples, where there are enough."""
    few = model.config.eval.allow_few
    if held.side is None or not _enough(seer, held, few):
        return {}, {}
    both = numbers.compare(seer, train, held.side, model.config.seed, few)
    values, errors = ({f"floor/{name}": x for name, x in each.items()} for each in both)
    return values, errors


def _lacking(name: str, seer: Extractor, fake: Side, held_out: int) -> str:
    """Why a number that could be there is not."""
    if "intra_class" in name:
        return "its samples have no label" if fake.labels is None else "no class has two images"
    of_floor = name.startswith("floor/")
    if (of_floor or "train" in name) and held_out < FEWEST:
        return f"{held_out} test images of the classes trained on, {FEWEST} are needed"
    if of_floor and held_out < _dimension(seer):
        return f"{held_out:,} test images, and features have {_dimension(seer):,} dimensions"
    count = held_out if of_floor else fake.size
    return f"{count:,} images; a line takes {numbers.SPREAD} a dimension"


def _dimension(seer: Extractor) -> int:
    """Of the longest features that distances are taken of."""
    return max(seer.taps[tap] for tap in names.distances(seer.taps))
