"""What samples show, as the project's own classifier names it: classes, their shares, modes found.

A sample counts for the class the classifier finds likeliest. That says which classes a generator
makes and how often, and nothing of the variety within a class. Mind that a classifier may be sure
of what is no picture of anything: hence the pictures beside the numbers.
"""

from typing import NamedTuple

import jax
import numpy as np

from gen_jax.data.spec import scaled
from gen_jax.evals.model import Model, Result, to_uint8
from gen_jax.evals.namer import DIGITS, STACKED, Namer, load
from gen_jax.features import judge
from gen_jax.metrics.estimate import share_error

CONFIDENT = 0.9
FOUND = 0.1
"""A class is found if its share of samples is at least this part of its share of real images."""

HELD_AGAINST = ("classes_found", "classes", "class_tv")
EVENED = {"test_images": "weighted, so that every class counts alike"}
"""What of a conditional model is held against test images, and how."""
MOST_NAMED = 20
ROWS, COLUMNS = 10, 8
Numbers = tuple[dict[str, float], dict[str, str]]


class Named(NamedTuple):
    """Images as they were named: class int [n], its probability float64 [n]."""

    label: np.ndarray
    probability: np.ndarray

    def shares(self, classes: int, evened: np.ndarray | None = None) -> np.ndarray:
        """The share of each class among the names, float64 [classes].

        With labels `evened` [n] each of their classes counts as one image, whatever its number.
        """
        if evened is None:
            return np.bincount(self.label, minlength=classes) / len(self.label)
        weights = 1 / np.bincount(evened, minlength=classes)[evened]
        return np.bincount(self.label, weights, minlength=classes) / weights.sum()


def evaluate(model: Model) -> Result | None:
    """Confidence, classes and, of stacked MNIST, modes of `eval.classified` samples.

    A conditional model is asked for the classes it was trained on in turn, and held against test
    images that weigh as much in every class. Real images are those of the test set that are of
    these classes, as they are on disk: never binarised.

    None without `eval.classifier`, for a family that does not sample, for points in the plane, and
    where the test set has no image of the classes trained on.

    Raises:
      UserError: the classifier's file is none, or one of other images or classes.
    """
    path, spec = model.config.eval.classifier, model.test.spec
    if not path or model.family.sample is None or spec.modes:
        return None
    trained = model.trained_classes()
    positions = np.flatnonzero(np.isin(model.test.labels, trained))
    if not len(positions):
        return None
    namer, told, count = load(path, spec), model.config.conditional, model.config.eval.classified
    judge.refuse_own(namer.digest, model.config)
    asked = (np.resize(trained, count) if told else np.zeros(count)).astype(np.int32)
    fake = _samples(model, namer, asked)
    real = _real(model, namer, positions)
    shares = fake.shares(spec.num_classes)
    real_shares = real.shares(spec.num_classes, model.test.labels[positions] if told else None)
    rows = trained[:ROWS]
    if spec.name == STACKED:
        values, units = modes(shares, count)
        # Of so many modes, the commonest: the first may have no sample at all.
        rows = np.argsort(-shares, kind="stable")[:ROWS]
    else:
        values, units = classes(shares, real_shares, spec.class_names)
    agreement = float(np.mean(fake.label == asked)) if told else None
    accuracy = float(np.mean(real.label == model.test.labels[positions]))
    sure, sure_units = confidence(fake, real, accuracy, agreement)
    values, units = values | sure, units | sure_units
    return Result(
        values=values,
        units=units,
        protocol={
            "split": "test",
            "num_examples": len(positions),
            "num_samples": count,
            "seed": model.config.seed,
            "labels": "classes in turn" if told else "none",
            "classifier_digest": namer.digest,
            **({"of": dict.fromkeys(HELD_AGAINST, EVENED)} if told else {}),
        },
        errors=_errors(values, count, len(positions)),
        verdict=mode_verdict(values) if spec.name == STACKED else verdict(values),
        arrays=_pictures(model, asked, fake, rows)
        | {
            "class_shares": shares.astype(np.float32),
            "class_shares_real": real_shares.astype(np.float32),
        },
    )


def classes(shares: np.ndarray, real_shares: np.ndarray, names: tuple[str, ...]) -> Numbers:
    """Values and units of shares [K] of the classes among samples and among real images.

    Classes that the classifier finds in no real image are not looked for.
    """
    present = real_shares > 0
    values = {
        "classes_found": float(np.sum(present & (shares >= FOUND * real_shares))),
        "classes": float(present.sum()),
        "class_tv": float(0.5 * np.abs(shares - real_shares).sum()),
        "class_entropy": entropy(shares),
        "class_entropy_maximum": float(np.log(present.sum())),
    }
    units = {
        "classes_found": f"classes whose share is at least {FOUND} of that in test images",
        "classes": "classes named in test images",
        "class_tv": "total variation of the shares of classes, samples against test images",
        "class_entropy": "nats, of the shares of classes among samples",
        "class_entropy_maximum": "nats, of equal shares",
    }
    if len(names) <= MOST_NAMED:
        parts = {f"class_share/{n}": float(s) for n, s in zip(names, shares, strict=True)}
        values |= parts
        units |= dict.fromkeys(parts, "of samples")
    return values, units


def modes(shares: np.ndarray, count: int) -> Numbers:
    """Values and units of the shares [1000] of stacked MNIST's modes (Metz et al. 2017).

    Modes are equally likely in the data. What is found of them hangs on how many samples are drawn,
    about 26,000 in published tables (Srivastava et al. 2017, Lin et al. 2018): beside each number
    stands its mean for `count` draws from the data itself, by the binomial distribution of hits.
    """
    # Here, not above: it takes a while to import.
    from scipy.stats import binom

    total = DIGITS**3
    hits = np.arange(1, count + 1)
    ratio = hits / count * total
    values = {
        "modes_found": float(np.sum(shares > 0)),
        "modes": float(total),
        "modes_found_perfect": float(total * -np.expm1(count * np.log1p(-1 / total))),
        "kl": float(np.log(total)) - entropy(shares),
        "kl_perfect": float(np.sum(binom.pmf(hits, count, 1 / total) * ratio * np.log(ratio))),
    }
    units = {
        "modes_found": f"numbers of three digits that any of {count:,} samples shows",
        "modes": "numbers there are",
        "modes_found_perfect": "modes, mean of as many draws from the data",
        "kl": "nats, of the samples' modes to the data's, which are equally likely",
        "kl_perfect": "nats, mean of as many draws from the data",
    }
    return values, units


def confidence(fake: Named, real: Named, accuracy: float, agreement: float | None) -> Numbers:
    """Values and units of how surely samples and real images are named, and how rightly."""
    values = {
        "classified_confidence": float(fake.probability.mean()),
        "classified_confidence_real": float(real.probability.mean()),
        "classified_confident": float(np.mean(fake.probability >= CONFIDENT)),
        "classified_confident_real": float(np.mean(real.probability >= CONFIDENT)),
        "classifier_accuracy": accuracy,
    }
    units = {
        "classified_confidence": "mean probability of the likeliest class, samples",
        "classified_confidence_real": "the same, test images",
        "classified_confident": f"share of samples named with probability {CONFIDENT} or more",
        "classified_confident_real": "the same, test images",
        "classifier_accuracy": "share of test images the classifier names right",
    }
    if agreement is not None:
        values["class_agreement"] = agreement
        units["class_agreement"] = "share of samples named as the class asked for"
    return values, units


def _errors(values: dict[str, float], samples: int, reals: int) -> dict[str, float]:
    """Standard errors of the shares of samples and of real images, binomial."""
    counts = {"classified_confident": samples, "class_agreement": samples}
    counts |= {"classified_confident_real": reals, "classifier_accuracy": reals}
    return {
        name: share_error(values[name], count) for name, count in counts.items() if name in values
    }


def entropy(shares: np.ndarray) -> float:
    """Entropy of a histogram [K], nats."""
    some = shares[shares > 0]
    return float(np.sum(some * np.log(1 / some)))


def verdict(values: dict[str, float]) -> str:
    """The sentence on the classes that samples show.

    They are hardly recognised if half as often named with confidence as test images are; collapsed
    if half of the classes or fewer are found.
    """
    found, total = int(values["classes_found"]), int(values["classes"])
    sure, real = values["classified_confident"], values["classified_confident_real"]
    named = f"{sure:.2f} of samples are named with {CONFIDENT:.0%} confidence or more"
    named += f", {real:.2f} of test images"
    if "class_agreement" in values:
        named += f"; {values['class_agreement']:.2f} of samples show the class asked for"
    if sure < real / 2:
        return f"Samples hardly recognised: {named}; {found} of {total} classes found."
    if found <= total / 2:
        caution = "A classifier may be sure of noise as well: see the pictures."
        return f"Mode collapse: samples show {found} of {total} classes; {named}. {caution}"
    if found < total:
        return f"Classes missing: samples show {found} of {total}; {named}."
    return f"All {total} classes: total variation {values['class_tv']:.2f} to test images; {named}."


def mode_verdict(values: dict[str, float]) -> str:
    """The sentence on stacked MNIST's modes: collapsed if at most half are found that could be."""
    found, perfect = values["modes_found"], values["modes_found_perfect"]
    numbers = f"{found:,.0f} modes found where the data show {perfect:,.0f} in as many draws, "
    numbers += f"KL {values['kl']:.3g} nats where they have {values['kl_perfect']:.3g}"
    if found <= perfect / 2:
        return f"Mode collapse: {numbers}."
    return f"Modes missing: {numbers}." if found < 0.99 * perfect else f"All modes: {numbers}."


def _samples(model: Model, namer: Namer, asked: np.ndarray) -> Named:
    """Samples of the labels `asked` [n] as they are named."""
    sample, size, parts = model.jitted("sample"), model.config.eval.batch_size, []
    for start in range(0, len(asked), size):
        indices = np.arange(start, min(start + size, len(asked)))
        images = sample(model.state, model.keys("sample", indices), asked[indices])
        parts.append(jax.device_get(namer.name(images)))
    return _joined(parts)


def _pictures(
    model: Model, asked: np.ndarray, named: Named, rows: np.ndarray
) -> dict[str, np.ndarray]:
    """The first samples of the classes `rows`, drawn again, as they are named.

    "classified_samples" uint8 [rows, COLUMNS, H, W, C], white where "classified_mask" is False, and
    "classified_labels".
    """
    chosen = [np.flatnonzero(named.label == row)[:COLUMNS] for row in rows]
    indices = np.concatenate(chosen)
    mask = np.arange(COLUMNS)[None] < np.array([len(some) for some in chosen])[:, None]
    cells = np.full((len(rows), COLUMNS, *model.test.spec.shape), 255, np.uint8)
    if len(indices):
        keys = model.keys("sample", indices)
        cells[mask] = to_uint8(model.jitted("sample")(model.state, keys, asked[indices]))
    return {
        "classified_samples": cells,
        "classified_mask": mask,
        "classified_labels": rows.astype(np.int32),
    }


def _real(model: Model, namer: Namer, positions: np.ndarray) -> Named:
    """The test images at these positions as they are named."""
    parts, size = [], model.config.eval.batch_size
    for start in range(0, len(positions), size):
        images = scaled(model.test.gather(positions[start : start + size])["image"])
        parts.append(jax.device_get(namer.name(images)))
    return _joined(parts)


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> Named:
    labels, probabilities = zip(*parts, strict=True)
    return Named(np.concatenate(labels), np.concatenate(probabilities).astype(np.float64))
