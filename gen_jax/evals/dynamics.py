"""How an adversarial training went: a few numbers of its records, and the verdict they carry."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from gen_jax.evals import classified, discrimination, modes
from gen_jax.evals.diseases import diagnose, thresholds, verdict
from gen_jax.evals.model import Model, Result

SHORTEST = 10
"""Records without which there is no course to judge."""
SPIKE = 10.0
"""A gradient norm this many times the running median is a spike."""

_WINDOW = 11  # records of the running median
_NONE: Mapping[str, float] = MappingProxyType({})
Series = Mapping[str, np.ndarray]

UNITS = {
    "diversity": "of samples, ratio to test images, mean of the last quarter",
    "duplicates": "share of samples, mean of the last quarter",
    "coverage": "modes or classes found, of those a perfect sampler finds",
    "gradient_left": "generator's gradient norm, last quarter's median to that of the beginning",
    "gradient_slope": "of the generator's loss at samples, ratio to that at the boundary",
    "accuracy_real": "discriminator's, in training, mean of the last half",
    "accuracy_fake": "discriminator's, in training, mean of the last half",
    "swing": "deviation of D(real) - D(fake) from its trend over 1 + mean size, last half",
    "spikes": f"share of records in the last half with {SPIKE:g} times the usual gradient",
    "confidence": "discriminator's mean max(p, 1 - p), test images and samples",
    "overconfidence": "confidence - accuracy of the discriminator, test images and samples",
}


def evaluate(model: Model, earlier: Mapping[str, Result] = MappingProxyType({})) -> Result | None:
    """Names what went wrong in the training of a GAN, or says that nothing did.

    None for families that `discrimination` does not judge, and where fewer than `SHORTEST` records
    of the training are known, or nothing in them that a disease shows by.

    Args:
      model: with the history of its training.
      earlier: results of "discrimination", "modes" and "classified", by name, where they have been
        computed; they are computed here otherwise.
    """
    train = [record for record in model.history if record.get("kind") == "train"]
    if not discrimination.judged(model) or len(train) < SHORTEST:
        return None

    def values(name: str, evaluation: Callable[[Model], Result | None]) -> Mapping[str, float]:
        result = earlier[name] if name in earlier else evaluation(model)
        return result.values if result else _NONE

    found = values("modes", modes.evaluate) or values("classified", classified.evaluate)
    numbers = measure(series(train), found, values("discrimination", discrimination.evaluate))
    if not numbers:
        return None
    findings = diagnose(numbers)
    return Result(
        values=numbers | {"diseases": float(len(findings))},
        units={name: UNITS[name] for name in numbers} | {"diseases": "found, of five"},
        protocol={
            "num_records": len(train),
            "first_step": train[0]["step"],
            "last_step": train[-1]["step"],
            "found": [finding.name for finding in findings],
            "thresholds": thresholds(),
        },
        verdict=verdict(findings, numbers),
    )


def series(records: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Each scalar over the records that have it, float64 [n]; n may differ."""
    names = dict.fromkeys(name for record in records for name in record)
    return {
        name: np.array([record[name] for record in records if name in record], np.float64)
        for name in names
        if name not in ("step", "wall", "kind")
    }


def measure(
    logged: Series, found: Mapping[str, float] = _NONE, judged: Mapping[str, float] = _NONE
) -> dict[str, float]:
    """The numbers that a diagnosis rests on, named as in `UNITS`, as far as they are known.

    Args:
      logged: scalars of the training, [records] each, as the family "gan" and the loop name them.
      found: values of `modes` or of `classified`.
      judged: values of `discrimination`.
    """
    numbers: dict[str, float] = {}
    logged = {name: values for name, values in logged.items() if len(values) >= SHORTEST}
    for name, scalar in (("diversity", "distance"), ("duplicates", "duplicates")):
        if f"diversity/{scalar}" in logged:
            numbers[name] = float(_last(logged[f"diversity/{scalar}"], 4).mean())
    for kind in ("modes", "classes"):
        if f"{kind}_found" in found:
            # Few samples miss some of many modes, be they as good as the data.
            of = found.get(f"{kind}_found_perfect", found[kind])
            numbers["coverage"] = min(1.0, found[f"{kind}_found"] / of)
    if "grad/generator" in logged:
        norms = logged["grad/generator"]
        early = norms[: max(5, len(norms) // 50)]
        numbers["gradient_left"] = float(np.median(_last(norms, 4)) / max(np.median(early), 1e-30))
        numbers["spikes"] = spikes(norms)
    for side in ("real", "fake"):
        if f"d/accuracy_{side}" in logged:
            numbers[f"accuracy_{side}"] = float(_last(logged[f"d/accuracy_{side}"], 2).mean())
    if {"d/real", "d/fake"} <= logged.keys():
        numbers["swing"] = swing(logged["d/real"] - logged["d/fake"])
    for name, value in (
        ("gradient_slope", "g_slope"),
        ("confidence", "d_confidence"),
        ("overconfidence", "overconfidence"),
    ):
        if value in judged:
            numbers[name] = judged[value]
    return {name: numbers[name] for name in UNITS if name in numbers}


def swing(gap: np.ndarray) -> float:
    """How far the discriminator's lead swings over the last half of its records [n].

    The standard deviation of D(real) - D(fake) around its linear trend, over 1 + its mean size. A
    difference, since a Wasserstein critic's outputs drift together; and 1 more, the margin or the
    nat that logits are on the scale of, because noise around a lead of nothing is no oscillation.
    """
    late = _last(gap, 2)
    times = np.arange(len(late))
    trend = np.polyval(np.polyfit(times, late, 1), times)
    return float(np.std(late - trend) / (1 + np.mean(np.abs(late))))


def spikes(norms: np.ndarray) -> float:
    """Share of the last half of gradient norms [n] above `SPIKE` times their running median."""
    late = _last(norms, 2)
    return float(np.mean(late > SPIKE * median_filter(late, _WINDOW, mode="nearest")))


def _last(values: np.ndarray, part: int) -> np.ndarray:
    """The last half, quarter, ... of values [n], at least one."""
    return values[-max(1, len(values) // part) :]
