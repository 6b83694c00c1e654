"""Which scalars share a panel of the training curves, and the points each line is drawn through."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gen_jax.core.strict_json import as_float
from gen_jax.report.workdir import Run

MOST_POINTS = 240
_IGNORED = {"epoch"}


class Line(NamedTuple):
    """A logged scalar, its name in the legend, and a colour of `style.PALETTE`."""

    scalar: str
    label: str
    colour: str


class Panel(NamedTuple):
    """Lines on one pair of axes. `log` allows a log scale where `wants_log` asks for one."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    log: bool = False


_TERM = "scaled as in the config"

# A colour means the same thing in every panel: blue reconstructions, teal the latent code, red the
# adversarial term, its weight and who pays it, purple the discriminator, orange what is drawn from
# the prior, green real images. No family logs two scalars of a panel that share one.
PANELS = (
    Panel("Reconstruction", "mean squared error over pixels", (Line("mse", "", "blue"),), log=True),
    Panel("ELBO", "nats per image", (Line("elbo", "", "ink"),)),
    Panel("Log-likelihood given z", "nats per image", (Line("log_px", "", "blue"),)),
    Panel("Bits per dimension", "bits", (Line("bits_per_dim", "", "ink"),)),
    Panel("Total loss", _TERM, (Line("loss/total", "", "ink"),), log=True),
    Panel("KL divergence", "nats per image", (Line("kl", "", "teal"),)),
    Panel("Active latent dimensions", "dimensions", (Line("active_dims", "", "teal"),)),
    Panel("Reconstruction term", _TERM, (Line("loss/reconstruction", "", "blue"),), log=True),
    Panel("KL term", _TERM, (Line("loss/kl", "", "teal"),)),
    Panel("KL weight β", "weight in the objective", (Line("beta", "", "teal"),)),
    Panel("Total correlation", "nats", (Line("tc", "", "purple"),)),
    Panel("Decoder σ", "of the likelihood, pixels in [−1, 1]", (Line("sigma", "", "blue"),)),
    Panel("Perceptual term", _TERM, (Line("loss/perceptual", "", "green"),)),
    Panel("Accuracy", "share of images", (Line("accuracy", "", "green"),)),
    Panel("Cross-entropy", "nats per image", (Line("cross_entropy", "", "purple"),), log=True),
    Panel(
        "Adversarial losses",
        "mean over the batch",
        (
            Line("loss/adversarial", "generator", "red"),
            Line("loss/generator", "generator", "red"),
            Line("loss/discriminator", "discriminator", "purple"),
        ),
    ),
    Panel(
        "Discriminator outputs",
        "mean logit",
        (
            Line("d/real", "real", "green"),
            Line("d/reconstructed", "reconstructed", "blue"),
            Line("d/prior", "prior sample", "orange"),
            Line("d/fake", "generated", "orange"),
        ),
    ),
    Panel(
        "Discriminator accuracy",
        "share of images on the right side",
        (
            Line("d/accuracy_real", "real", "green"),
            Line("d/accuracy_fake", "generated", "orange"),
            Line("d/confidence", "confidence", "mute"),
        ),
    ),
    Panel(
        "Gradient norms",
        "Euclidean, of all parameters",
        (
            Line("grad/encoder", "encoder", "blue"),
            Line("grad/generator", "generator", "red"),
            Line("grad/discriminator", "discriminator", "purple"),
            Line("grad/classifier", "classifier", "green"),
        ),
        log=True,
    ),
    Panel(
        "Peak gradient norms",
        "largest of the steps between two records",
        (
            Line("grad/encoder_max", "encoder", "blue"),
            Line("grad/generator_max", "generator", "red"),
            Line("grad/discriminator_max", "discriminator", "purple"),
            Line("grad/classifier_max", "classifier", "green"),
        ),
        log=True,
    ),
    Panel(
        "Slope of the generator's loss",
        "in the logits, 1 at the boundary",
        (Line("g/slope", "", "red"),),
        log=True,
    ),
    Panel("Overconfidence in training", "nats", (Line("d/overconfidence", "", "purple"),)),
    Panel(
        "Gradient ratio",
        "generator over discriminator",
        (Line("grad_ratio", "", "red"),),
        log=True,
    ),
    Panel("Gradient penalty", _TERM, (Line("loss/penalty", "", "purple"),), log=True),
    Panel(
        "Auxiliary terms",
        _TERM,
        (Line("loss/auxiliary", "class", "green"), Line("loss/info", "codes", "teal")),
    ),
    Panel(
        "Diversity",
        "of a fixed batch of samples",
        (
            Line("diversity/distance", "distance, relative to real", "orange"),
            Line("diversity/duplicates", "share of near-duplicates", "ink"),
        ),
    ),
    Panel(
        "Gradient shares",
        "of the norms at the generated image",
        (
            Line("share/reconstruction", "reconstruction", "blue"),
            Line("share/adversarial", "adversarial", "red"),
            Line("share/features", "features", "purple"),
            Line("share/classifier", "classifier", "green"),
        ),
    ),
    Panel(
        "Adversarial weight λ",
        "weight in the objective",
        (
            Line("lambda", "at reconstructions", "red"),
            Line("lambda_prior", "at prior samples", "orange"),
        ),
    ),
    Panel("Speed", "images per second", (Line("images_per_second", "", "mute"),)),
    Panel(
        "Peak memory",
        "GiB, since the process began",
        (Line("memory/host", "host", "mute"), Line("memory/device", "device", "ink")),
    ),
)

_SPARE_COLOURS = ("blue", "red", "teal", "purple", "orange", "green")


def present(run: Run) -> tuple[Panel, ...]:
    """The panels this run has scalars for; scalars of no known panel follow, a panel a prefix."""
    names = [name for name in run.scalar_names("train") if name not in _IGNORED]
    found = []
    for panel in PANELS:
        lines = tuple(line for line in panel.lines if line.scalar in names)
        if lines:
            found.append(panel._replace(lines=lines))
    known = {line.scalar for panel in PANELS for line in panel.lines}
    groups: dict[str, list[str]] = {}
    for name in names:
        if name not in known:
            prefix = name.rpartition("/")[0]
            # Losses differ too much in size to share an axis.
            groups.setdefault(name if prefix in ("", "loss") else prefix, []).append(name)
    for title, members in groups.items():
        for start in range(0, len(members), len(_SPARE_COLOURS)):
            chunk = members[start : start + len(_SPARE_COLOURS)]
            lines = tuple(
                Line(name, name.removeprefix(f"{title}/") if name != title else "", colour)
                for name, colour in zip(chunk, _SPARE_COLOURS, strict=False)
            )
            found.append(Panel(title, "", lines))
    return tuple(found)


class Curve(NamedTuple):
    """What is drawn for one line, all float64 [n]: `low` and `high` bound what `mean` averages."""

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    not_finite: np.ndarray  # int64 steps whose value was NaN or infinite


def thinned(steps: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> Curve:
    """Averages neighbouring records until `most` points are left, keeping their extremes.

    Values that are not finite count for nothing in an average; a point without a finite value is
    NaN, a gap in the line.

    Args:
      steps: int64 [n], ascending.
      values: float64 [n].
      most: the largest number of points returned.
    """
    finite = np.isfinite(values)
    groups = np.array_split(np.arange(len(steps)), min(most, len(steps)) or 1)
    nothing = (np.nan, np.nan, np.nan)
    points = []
    for group in groups:
        kept = values[group][finite[group]]
        extremes = (kept.mean(), kept.min(), kept.max()) if kept.size else nothing
        points.append((steps[group].mean() if len(group) else np.nan, *extremes))
    position, mean, low, high = np.array(points, np.float64).T
    return Curve(position, mean, low, high, steps[~finite])


def wants_log(values: np.ndarray) -> bool:
    """True where all values are positive and the largest is over ten times the smallest."""
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() > 10 * values.min())


def eval_points(run: Run, scalar: str) -> Mapping[int, float]:
    """{step: value} of evaluations that measured a scalar of this name.

    They come from the "eval" records of metrics.jsonl, where the name may follow "eval/", "test/"
    or an evaluation's name, and from evals/*.json.
    """
    prefixes = ["", "eval/", "test/", *(f"{content['name']}/" for content in run.evals)]
    points: dict[int, float] = {}
    for prefix in prefixes:
        steps, values = run.series("eval", prefix + scalar)
        points.update(zip(steps.tolist(), values.tolist(), strict=True))
    for content in run.evals:
        values_by_name, step = content.get("values"), content.get("step")
        if isinstance(values_by_name, Mapping) and isinstance(step, int):
            value = values_by_name.get(scalar)
            if isinstance(value, int | float):
                points[step] = as_float(value)
    return {step: points[step] for step in sorted(points) if np.isfinite(points[step])}
