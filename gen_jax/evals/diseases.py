"""Diseases of adversarial training: what each is, and by which numbers it is told.

The numbers are those of `dynamics.measure`; a disease is looked for by as many of its signs as were
measured. Every threshold is a constant here.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

COLLAPSED_DISTANCE = 0.5
"""Ratio of the distances among samples to those among test images, below which they collapsed.

That of how unlike two pictures of one class are, too: every class may be there, as one picture.
"""
COLLAPSED_DUPLICATES = 0.25
"""Share of near-duplicates above which they did; points of the plane have 0.04 at their best."""
OFF_THE_DATA = 0.5
"""Share of good samples, relative to real data, below which samples are off the data."""
COLLAPSED_COVERAGE = 0.5
"""Share of the modes, or of the classes, up to which they did."""
MISSING_COVERAGE = 0.9
"""Share below which some are missing: seven of eight are too few, nine of ten are not."""
VANISHED = 0.01
"""What is left of the generator's gradient when it has vanished."""
SURE = 0.95
"""Accuracy on either side above which a discriminator is overpowered.

A critic, whose game has no boundary, is not told to be: to rank every pair rightly is its task
(Arjovsky et al. 2017, section 3), and an accuracy of 0.95 may go with any AUC above 0.95.
"""
SWINGING = 0.5
"""Swing of the discriminator's lead, relative to its size, above which training oscillates."""
SPIKING = 0.05
"""Share of spikes among the gradient norms above which it does, too."""
CONFIDENT = 0.7
"""Confidence below which a discriminator is not overconfident, however often it errs."""
OVERCONFIDENT = 0.2
"""Nats, `losses.adversarial.overconfidence`, above which a discriminator is overconfident."""

_SAID = {
    "diversity": "samples {:.2f} times as far apart as test images",
    "duplicates": "{:.0%} of them near-duplicates",
    "diversity_within": "{:.2f} times as unlike each other within a class",
    "coverage": "{:.1%} of the modes or classes found",
    "quality": "{:.2f} times as many good ones as among real data",
    "gradient_left": "{:.2g} of the generator's first gradient norm left",
    "gradient_slope": "its loss {:.2g} times as steep as at the boundary",
    "accuracy_real": "discriminator right about {:.1%} of real images",
    "accuracy_fake": "about {:.1%} of generated ones",
    "auc": "a test image put above a sample with probability {:.2f}",
    "swing": "its lead swinging by {:.2f} of its scale",
    "spikes": "spikes in {:.1%} of gradient norms",
    "confidence": "discriminator {:.2f} sure of itself",
    "overconfidence": "overconfident by {:+.3f} nats",
}


_RIGHT = ("accuracy_real", "accuracy_fake", "auc")


class Finding(NamedTuple):
    """A disease, the sentence that names it, and the numbers it was told by."""

    name: str
    sentence: str
    numbers: dict[str, float]


def diagnose(numbers: Mapping[str, float]) -> list[Finding]:
    """The diseases that the numbers of `measure` show, none of which excludes another."""
    searched = (
        *(_collapse, _missing, _poor),
        *(_vanishing, _overpowered, _oscillation, _overconfidence),
    )
    return [finding for look in searched if (finding := look(numbers)) is not None]


def verdict(findings: Iterable[Finding], numbers: Mapping[str, float]) -> str:
    """One sentence a disease, or that the training was healthy, and by which numbers."""
    sentences = [finding.sentence for finding in findings]
    return " ".join(sentences or [_finding("healthy", numbers, *_SAID).sentence])


def thresholds() -> dict[str, float | list[float]]:
    """What a diagnosis compares its numbers to, by the names of the numbers."""
    return {
        "diversity": COLLAPSED_DISTANCE,
        "duplicates": COLLAPSED_DUPLICATES,
        "diversity_within": COLLAPSED_DISTANCE,
        "coverage": [COLLAPSED_COVERAGE, MISSING_COVERAGE],
        "quality": OFF_THE_DATA,
        "gradient_left": VANISHED,
        "gradient_slope": VANISHED,
        "accuracy_real": SURE,
        "accuracy_fake": SURE,
        "auc": SURE,
        "swing": SWINGING,
        "spikes": SPIKING,
        "confidence": CONFIDENT,
        "overconfidence": OVERCONFIDENT,
    }


def _collapse(numbers: Mapping[str, float]) -> Finding | None:
    """Samples much closer together than the data, many of them alike, or in half the modes."""
    signs = ("diversity", "duplicates", "diversity_within", "coverage")
    if (
        min(numbers.get(name, 1) for name in ("diversity", "diversity_within")) < COLLAPSED_DISTANCE
        or numbers.get("duplicates", 0) > COLLAPSED_DUPLICATES
        or numbers.get("coverage", 1) <= COLLAPSED_COVERAGE
    ):
        return _finding("mode collapse", numbers, *signs)
    return None


def _missing(numbers: Mapping[str, float]) -> Finding | None:
    """Modes or classes without samples, but no collapse."""
    if numbers.get("coverage", 1) < MISSING_COVERAGE and _collapse(numbers) is None:
        return _finding("modes missing", numbers, "coverage")
    return None


def _poor(numbers: Mapping[str, float]) -> Finding | None:
    """Samples that no mode or class would own."""
    if numbers.get("quality", 1) < OFF_THE_DATA:
        return _finding("samples off the data", numbers, "quality")
    return None


def _vanishing(numbers: Mapping[str, float]) -> Finding | None:
    """Next to no gradient for the generator, from a discriminator that is nearly always right.

    Measured by what is left of the norm at the beginning; and, since the first records may come too
    late for that, by the slope of the loss, which a sure discriminator takes from minimax's
    (Goodfellow et al. 2014, section 3). A generator that has won has little gradient as well, hence
    the accuracy, or the ranking where the game has no boundary.
    """
    names = ("gradient_left", "gradient_slope")
    right = min(_accuracies(numbers), default=numbers.get("auc", 1))
    if right > SURE and min(numbers.get(name, 1) for name in names) < VANISHED:
        return _finding("vanishing generator gradient", numbers, *names, *_RIGHT)
    return None


def _overpowered(numbers: Mapping[str, float]) -> Finding | None:
    """A discriminator that hardly errs any more, of real images and of generated ones."""
    if min(_accuracies(numbers), default=0) > SURE:
        return _finding("discriminator overpowered", numbers, *_RIGHT)
    return None


def _oscillation(numbers: Mapping[str, float]) -> Finding | None:
    """The lead changes back and forth, or a network's gradient leaps."""
    if numbers.get("swing", 0) > SWINGING or numbers.get("spikes", 0) > SPIKING:
        return _finding("oscillation", numbers, "swing", "spikes")
    return None


def _overconfidence(numbers: Mapping[str, float]) -> Finding | None:
    """Surer than it is right. One that errs because it is in two minds, at 0.5, is not."""
    sure = numbers.get("confidence", 0) > CONFIDENT
    if sure and numbers.get("overconfidence", 0) > OVERCONFIDENT:
        return _finding("discriminator overconfident", numbers, "confidence", "overconfidence")
    return None


def _accuracies(numbers: Mapping[str, float]) -> list[float]:
    """Of real and of generated images; none in a game without a boundary."""
    return [numbers[name] for name in ("accuracy_real", "accuracy_fake") if name in numbers]


def _finding(name: str, numbers: Mapping[str, float], *of: str) -> Finding:
    kept = {number: numbers[number] for number in of if number in numbers}
    said = "; ".join(_SAID[number].format(value) for number, value in kept.items())
    return Finding(name, f"{name.capitalize()}: {said}.", kept)
