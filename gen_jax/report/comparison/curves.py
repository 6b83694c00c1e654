"""Training curves of several models on one pair of axes, a panel for each scalar they share."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gen_jax.report import axes as drawing
from gen_jax.report import panels, style, timing
from gen_jax.report.comparison.measures import differences
from gen_jax.report.comparison.models import Model, without_places
from gen_jax.report.document import Block, Missing
from gen_jax.report.panels import PANELS
from gen_jax.report.tables import exact

_MOST_POINTS = 120
_LEFT_OUT = ("epoch", "memory/")
# What decides on the distribution of the training images.
_DATA = tuple(
    f"data.{key}" for key in ("name", "dir", "image_size", "channels", "num_classes", "keep")
)


class Line(NamedTuple):
    """One model's scalar: its mean over seeds and their range, all float64 [n]."""

    model: Model
    across: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def draw(models: Sequence[Model]) -> list[Block]:
    """The scalars that two models or more have logged, those trained on the same data together."""
    groups: dict[tuple[tuple[str, str], ...], list[Model]] = {}
    for model in models:
        config = without_places(model.settings)
        data = tuple((key, exact(config[key])) for key in _DATA if key in config)
        groups.setdefault(data, []).append(model)
    blocks: list[Block] = []
    apart = differences(list(groups))
    for index, (alike, name) in enumerate(zip(groups.values(), apart, strict=True)):
        blocks += _charts(f"curves_{index}", alike, name)
    if not blocks:
        return [Missing("No shared curves: no two models of the same data log the same scalar.")]
    return blocks


def _charts(name: str, models: Sequence[Model], data: str) -> list[Block]:
    logged = [
        {scalar for member in model.members for scalar in member.run.scalar_names("train")}
        for model in models
    ]
    everything = (
        scalar
        for model in models
        for member in model.members
        for scalar in member.run.scalar_names("train")
        if not scalar.startswith(_LEFT_OUT)
    )
    images = all(timing.images_per_step(model.members[0].run) for model in models)
    plots, notes = [], []
    for scalar in sorted(dict.fromkeys(everything), key=_place):
        sharing = [model for model, names in zip(models, logged, strict=True) if scalar in names]
        if len(sharing) < 2:
            continue
        lines = [_line(model, scalar, images) for model in sharing]
        title, unit, log = _titled(scalar)
        draw = partial(_plot, lines=lines, log=log, across="images seen" if images else "step")
        plots.append(drawing.Plot(title, unit, draw))
        notes += [note for model in sharing for note in _not_finite(model, scalar)]
    if not plots:
        return []
    caption = f"Neighbouring records are averaged to at most {_MOST_POINTS} points."
    if any(len(model.members) > 1 for model in models):
        caption += " Of several seeds a line is the mean and the band their range."
    caption += f" Trained on {data}." if data else ""
    return [drawing.charts(name, plots, caption), *map(Missing, notes)]


def _place(scalar: str) -> int:
    """Scalars in the order of the panels of a single run's report; unknown ones keep theirs."""
    known = [line.scalar for panel in PANELS for line in panel.lines]
    return known.index(scalar) if scalar in known else len(known)


def _titled(scalar: str) -> tuple[str, str, bool]:
    """Title, unit and whether a log scale may be: of the panel that a run's own report has."""
    for panel in PANELS:
        for line in panel.lines:
            if line.scalar == scalar:
                ending = f": {line.label}" if line.label else ""
                return panel.title + ending, panel.unit, panel.log
    return scalar, "", False


def _line(model: Model, scalar: str, images: bool) -> Line:
    """At the steps that all seeds have recorded, each seed's records averaged alike."""
    series = [member.run.series("train", scalar) for member in model.members]
    series = [(steps, values) for steps, values in series if steps.size]
    common = series[0][0]
    for steps, _ in series:
        common = np.intersect1d(common, steps)
    curves = [
        panels.thinned(common, values[np.isin(steps, common)], _MOST_POINTS)
        for steps, values in series
    ]
    means = np.stack([curve.mean for curve in curves])
    factor = timing.images_per_step(model.members[0].run) if images else 1
    return Line(model, curves[0].steps * factor, means.mean(0), means.min(0), means.max(0))


def _plot(axes: Any, lines: Sequence[Line], log: bool, across: str) -> drawing.Legend:
    for model, x, mean, low, high in lines:
        colour = style.light(model.colour)
        if len(model.members) > 1:
            axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
        lonely = "o" if np.isfinite(mean).sum() == 1 else None
        axes.plot(x, mean, color=colour, linewidth=1.4, marker=lonely)
    if log and panels.wants_log(np.concatenate([part for line in lines for part in line[2:]])):
        axes.set_yscale("log")
    drawing.dress(axes, across, integer=True)
    return tuple((line.model.label, line.model.colour, "") for line in lines)


def _not_finite(model: Model, scalar: str) -> list[str]:
    notes = []
    for member in model.members:
        steps, values = member.run.series("train", scalar)
        bad = steps[~np.isfinite(values)]
        if bad.size:
            notes.append(
                f"{scalar} of {member.name}: {bad.size:,} of {values.size:,} records are not finite"
                f" and left out, the first at step {bad[0]:,}."
            )
    return notes
