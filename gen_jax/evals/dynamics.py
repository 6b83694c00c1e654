"""How an adversarial training went: a few numbers of its records, and the verdict they carry."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from gen_jax.evals import classified, discrimination, modes, similarity
from gen_jax.evals.diseases import diagnose, thresholds, verdict
from gen_jax.evals.model import Model, Result

SHORTEST = 10
"""Records without which there is no course to judge."""
SPIKE = 10.0
"""A gradient norm this many times the running median is a spike."""

_WINDOW = 11  # records of the running median
_NONE: Mapping[str, float] = MappingProxyType({})
Series = Mapping[str, np.ndarray]
_MEANS = (
    ("diversity", "diversity/distance", 4),
    ("duplicates", "diversity/duplicates", 4),
    ("gradient_slope", "g/slope", 4),
    ("accuracy_real", "d/accuracy_real", 2),
    ("accuracy_fake", "d/accuracy_fake", 2),
)
"""Number, scalar it is the mean of, and over which last part of the records."""
_TOPS = ("grad/generator_max", "grad/discriminator_max")

UNITS = {
    "diversity": "of samples, ratio to test images, mean of the last quarter",
    "duplicates": "share of samples, mean of the last quarter",
    "diversity_within": "1 - MS-SSIM of pairs of one class, samples' to test images'",
    "coverage": "modes or classes found, of those a perfect sampler finds",
    "quality": "good samples (of a mode, or named surely), ratio to the share among real data",
    "gradient_left": "generator's gradient norm, last quarter's median to that of the beginning",
    "gradient_slope": "of the generator's loss in the logits, 1 at the boundary, last quarter",
    "accuracy_real": "discriminator's, in training, mean of the last half",
    "accuracy_fake": "discriminator's, in training, mean of the last half",
    "auc": "probability that the discriminator puts a test image above a sample",
    "swing": "deviation of D(real) - D(fake) from its trend, last half, over its scale",
    "spikes": f"share of records in the last half with a gradient {SPIKE:g} times the usual",
    "confidence": "discriminator's mean max(p, 1 - p), test images and samples",
    "overconfidence": "nats, slope of the NLL in the logits' log scale, test images and samples",
}


def evaluate(model: Model, earlier: Mapping[str, Result] = MappingProxyType({})) -> Result | None:
    """Names what went wrong in the training of a GAN, or says that nothing did.

    None for families that `discrimination` does not judge, and where fewer than `SHORTEST` records
    of the training are known, or nothing in them that a disease shows by.

    Args:
      model: with the history of its training.
      earlier: results of "discrimination", "similarity", "modes" and "classified", by name, where
        they have been computed; they are computed here otherwise.
    """
    every = model.config.log_every
    # A stop leaves a record of few steps between two; without it an interrupted run counts alike.
    train = [r for r in model.history if r.get("kind") == "train" and r["step"] % every == 0]
    if not discrimination.judged(model) or len(train) < SHORTEST:
        return None

    def values(name: str, evaluation: Callable[[Model], Result | None]) -> Mapping[str, float]:
        result = earlier[name] if name in earlier else evaluation(model)
        return result.values if result else _NONE

    found = values("modes", modes.evaluate) or values("classified", classified.evaluate)
    found = {**found, **values("similarity", similarity.evaluate)}
    numbers = measure(series(train), found, values("discrimination", discrimination.evaluate))
    if not numbers:
        return None
    findings, critic = diagnose(numbers), "swing" in numbers and "accuracy_real" not in numbers
    return Result(
        values=numbers | {"diseases": float(len(findings))},
        units={name: UNITS[name] for name in numbers} | {"diseases": "found, of seven"},
        protocol={
            "split": "train",
            "num_examples": len(train),
            "first_step": train[0]["step"],
            "last_step": train[-1]["step"],
            "found": [finding.name for finding in findings],
            **({"of": {"swing": {"over": "the larger half"}}} if critic else {}),
            "thresholds": thresholds(),
        },
        verdict=verdict(findings, numbers),
    )


def series(records: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Each scalar over the records, float64 [records]; NaN where it is missing or no number."""
    names = dict.fromkeys(name for record in records for name in record)
    return {
        name: np.array([_number(record.get(name)) for record in records])
        for name in names
        if name not in ("step", "wall", "kind")
    }


def measure(
    logged: Series, found: Mapping[str, float] = _NONE, judged: Mapping[str, float] = _NONE
) -> dict[str, float]:
    """The numbers that a diagnosis rests on, named as in `UNITS`, as far as they are known.

    Args:
      logged: scalars of the training, [records] each, as the family "gan" and the loop name them.
        What was not logged all along, or was not finite, tells nothing.
      found: values of `modes` or of `classified`, and of `similarity`.
      judged: values of `discrimination`.
    """
    numbers: dict[str, float] = {}
    logged = {
        name: values
        for name, values in logged.items()
        if len(values) >= SHORTEST and np.isfinite(values).all()
    }
    for name, scalar, part in _MEANS:
        if scalar in logged:
            numbers[name] = float(_last(logged[scalar], part).mean())
    numbers |= _of_samples(found)
    if "grad/generator" in logged:
        norms = logged["grad/generator"]
        early = norms[: max(5, len(norms) // 50)]
        numbers["gradient_left"] = float(np.median(_last(norms, 4)) / max(np.median(early), 1e-30))
    tops = [logged[name] for name in _TOPS if name in logged]
    if tops:
        numbers["spikes"] = max(map(spikes, tops))
    if {"d/real", "d/fake"} <= logged.keys():
        gap = logged["d/real"] - logged["d/fake"]
        numbers["swing"] = swing(gap, 1.0 if "accuracy_real" in numbers else None)
    # In training every batch is judged before it is learnt from, samples are always fresh, and a
    # discriminator that remembers the real images does not show; on test images it does.
    for name, value in (
        ("auc", "d_auc"),
        ("confidence", "d_confidence"),
        ("overconfidence", "overconfidence"),
    ):
        if value in judged:
            numbers[name] = judged[value]
    return {name: numbers[name] for name in UNITS if name in numbers}


def swing(gap: np.ndarray, margin: float | None = 1.0) -> float:
    """How far the discriminator's lead swings over the last half of its records [n].

    The standard deviation of D(real) - D(fake) around its linear trend, over `margin` + its mean
    size. A difference, since a Wasserstein critic's outputs drift together; and 1 more, the margin
    or the nat that logits are on the scale of, because noise around a lead of nothing is no
    oscillation. A critic's outputs have no scale of their own (`margin` None): there it is over the
    mean size in the half where that is larger, so that a lead which was lost is not noise alone.
    Records are means: what swings faster than `log_every` steps is not seen here.
    """
    late = _last(gap, 2)
    times = np.arange(len(late))
    trend = np.polyval(np.polyfit(times, late, 1), times)
    size = np.mean(np.abs(late))
    if margin is None:
        margin, size = 0.0, max(size, np.mean(np.abs(gap[: len(gap) - len(late)])))
    return float(np.std(late - trend) / max(margin + size, 1e-30))


def spikes(norms: np.ndarray) -> float:
    """Share of the last half of the records' largest norms [n] above `SPIKE` running medians."""
    late = _last(norms, 2)
    return float(np.mean(late > SPIKE * median_filter(late, _WINDOW, mode="nearest")))


def _of_samples(found: Mapping[str, float]) -> dict[str, float]:
    """Coverage, quality and variety within classes, as far as somebody measured them."""
    numbers = {}
    if "ms_ssim_within" in found and found["ms_ssim_within_real"] < 1:
        ours, real = (1 - found[f"ms_ssim_within{of}"] for of in ("", "_real"))
        numbers["diversity_within"] = ours / real
    for kind in ("modes", "classes"):
        if f"{kind}_found" in found:
            # Few samples miss some of many modes, be they as good as the data.
            of = found.get(f"{kind}_found_perfect", found[kind])
            numbers["coverage"] = min(1.0, found[f"{kind}_found"] / of)
    if "high_quality" in found:
        numbers["quality"] = found["high_quality"] / modes.PERFECT
    elif found.get("classified_confident_real"):
        numbers["quality"] = found["classified_confident"] / found["classified_confident_real"]
    return numbers


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _last(values: np.ndarray, part: int) -> np.ndarray:
    """The last half, quarter, ... of values [n], at least one."""
    return values[-max(1, len(values) // part) :]
