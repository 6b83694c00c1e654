"""Draws the training curves, a panel for the scalars that belong together."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gen_jax.report import axes as drawing
from gen_jax.report import panels, style
from gen_jax.report.document import Charts, Missing
from gen_jax.report.panels import Panel
from gen_jax.report.workdir import Run


def draw(run: Run) -> list[Charts | Missing]:
    """The curves of all scalars a run logged, and a line for each that was not always finite."""
    found = panels.present(run)
    if not found:
        reason = "metrics.jsonl holds no training record" if run.timeline else "no metrics.jsonl"
        return [Missing(f"No training curves yet: {reason}; run --mode=train.")]
    plots = [
        drawing.Plot(panel.title, panel.unit, partial(_plot, run=run, panel=panel))
        for panel in found
    ]
    steps = [record.step for record in run.records if record.kind == "train"]
    caption = f"{len(steps):,} training records, steps {steps[0]:,} to {steps[-1]:,}."
    if len(steps) > panels.MOST_POINTS:
        caption += " A line is the mean of neighbouring records, the band around it their range."
    if any(panels.eval_points(run, line.scalar) for panel in found for line in panel.lines):
        caption += " Circles are evaluations."
    blocks: list[Charts | Missing] = [drawing.charts("curves", plots, caption)]
    for panel in found:
        for line in panel.lines:
            steps_of, values = run.series("train", line.scalar)
            bad = steps_of[~np.isfinite(values)]
            if bad.size:
                blocks.append(
                    Missing(
                        f"{line.scalar}: {bad.size:,} of {values.size:,} records are not finite"
                        f" (crosses), the first at step {bad[0]:,}."
                    )
                )
    return blocks


def _plot(axes: Any, run: Run, panel: Panel) -> drawing.Legend:
    """Draws a panel and returns its legend."""
    legend: list[tuple[str, str, str]] = []
    everything = [np.zeros(0)]
    evaluated = False
    for line in panel.lines:
        colour = style.light(line.colour)
        steps, values = run.series("train", line.scalar)
        curve = panels.thinned(steps, values)
        if len(steps) > len(curve.steps):
            axes.fill_between(
                curve.steps, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0
            )
        lonely = "o" if np.isfinite(curve.mean).sum() == 1 else None
        axes.plot(curve.steps, curve.mean, color=colour, linewidth=1.4, marker=lonely)
        if curve.not_finite.size:
            bad = panels.thinned(curve.not_finite, np.ones(curve.not_finite.size), 40).steps
            at_bottom = axes.get_xaxis_transform()
            axes.plot(bad, np.full(bad.size, 0.03), "x", ms=4, color=colour, transform=at_bottom)
        legend.append((line.label or "training", line.colour, ""))
        points = panels.eval_points(run, line.scalar)
        _circles(axes, points, colour)
        evaluated |= bool(points)
        everything += [values, np.array(list(points.values()))]
    if evaluated:
        shared = panel.lines[0].colour if len(panel.lines) == 1 else "mute"
        legend.append(("evaluation", shared, "o"))
    if panel.log and panels.wants_log(np.concatenate(everything)):
        axes.set_yscale("log")
    drawing.dress(axes, "step", integer=True)
    return tuple(legend) if len(legend) > 1 else ()


def _circles(axes: Any, points: Mapping[int, float], colour: str) -> None:
    axes.plot(
        list(points),
        list(points.values()),
        "o",
        ms=4.5 if len(points) < 30 else 2.5,
        color=style.light("paper"),
        markeredgecolor=colour,
        markeredgewidth=1.2,
        zorder=3,
    )
