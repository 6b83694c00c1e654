"""Draws the training curves: small multiples, as SVG for a page, as one PNG for Markdown."""

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gen_jax.report import panels, style
from gen_jax.report.document import Chart, Charts, Missing
from gen_jax.report.panels import Panel
from gen_jax.report.tables import tick
from gen_jax.report.workdir import Run

_CHART_INCHES = (3.9, 2.15)
_SHEET_COLUMNS = 3
# Fixed margins, in inches, so that the axes of neighbouring panels line up.
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.52, 0.1, 0.38, 0.1


def draw(run: Run) -> list[Charts | Missing]:
    """The curves of all scalars a run logged, and a line for each that was not always finite."""
    found = panels.present(run)
    if not found:
        reason = "metrics.jsonl holds no training record" if run.timeline else "no metrics.jsonl"
        return [Missing(f"No training curves yet: {reason}; run --mode=train.")]
    # Here, not above: matplotlib takes a second to import and images.py is used without it.
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {"svg.fonttype": "none", "font.size": 9, "text.parse_math": False}
        )
        charts = tuple(_chart(run, panel) for panel in found)
        sheet = _sheet(run, found)
    steps = [record.step for record in run.records if record.kind == "train"]
    caption = f"{len(steps):,} training records, steps {steps[0]:,} to {steps[-1]:,}."
    if len(steps) > panels.MOST_POINTS:
        caption += " A line is the mean of neighbouring records, the band around it their range."
    if any(marker for chart in charts for _, _, marker in chart.legend):
        caption += " Circles are evaluations."
    blocks: list[Charts | Missing] = [Charts("curves", charts, caption, sheet)]
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


def _chart(run: Run, panel: Panel) -> Chart:
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    width, height = _CHART_INCHES
    # The salt keeps the ids of panels apart: all of them end up in one page.
    rcParams["svg.hashsalt"] = panel.lines[0].scalar
    figure = Figure(figsize=_CHART_INCHES)
    axes = figure.add_axes(
        (
            _LEFT / width,
            _BOTTOM / height,
            1 - (_LEFT + _RIGHT) / width,
            1 - (_BOTTOM + _TOP) / height,
        )
    )
    legend = _plot(axes, run, panel)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Chart(panel.title, panel.unit, legend, _for_page(buffer.getvalue()))


def _sheet(run: Run, found: tuple[Panel, ...]) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = -(-len(found) // _SHEET_COLUMNS)
    columns = min(_SHEET_COLUMNS, len(found))
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12)
    figure = Figure(figsize=(4 * columns, 2.7 * rows), layout=layout)
    for index, panel in enumerate(found):
        axes = figure.add_subplot(rows, columns, index + 1)
        legend = _plot(axes, run, panel)
        axes.set_title(panel.title, loc="left", fontsize=10, fontweight="bold", color="#222222")
        axes.set_title(panel.unit, loc="right", fontsize=8, color=style.light("mute"))
        if len(legend) > 1:
            axes.legend(frameon=False, fontsize=8, labelcolor=style.light("ink"))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _plot(axes: Any, run: Run, panel: Panel) -> tuple[tuple[str, str, str], ...]:
    """Draws a panel and returns its legend."""
    legend: list[tuple[str, str, str]] = []
    everything = [np.zeros(0)]
    evaluated = False
    for line in panel.lines:
        colour = style.light(line.colour)
        steps, values = run.series("train", line.scalar)
        curve = panels.thinned(steps, values)
        label = line.label or "training"
        if len(steps) > len(curve.steps):
            axes.fill_between(
                curve.steps, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0
            )
        lonely = "o" if np.isfinite(curve.mean).sum() == 1 else None
        axes.plot(curve.steps, curve.mean, color=colour, linewidth=1.4, marker=lonely, label=label)
        if curve.not_finite.size:
            bad = panels.thinned(curve.not_finite, np.ones(curve.not_finite.size), 40).steps
            at_bottom = axes.get_xaxis_transform()
            axes.plot(bad, np.full(bad.size, 0.03), "x", ms=4, color=colour, transform=at_bottom)
        legend.append((label, line.colour, ""))
        everything += [values]
        points = panels.eval_points(run, line.scalar)
        _circles(axes, points, colour, "")
        evaluated |= bool(points)
        everything += [values, np.array(list(points.values()))]
    if evaluated:
        shared = panel.lines[0].colour if len(panel.lines) == 1 else "mute"
        _circles(axes, {}, style.light(shared), "evaluation")
        legend.append(("evaluation", shared, "o"))
    if panel.log and panels.wants_log(np.concatenate(everything)):
        axes.set_yscale("log")
    _dress(axes)
    return tuple(legend) if len(legend) > 1 else ()


def _circles(axes: Any, points: Mapping[int, float], colour: str, label: str) -> None:
    axes.plot(
        list(points),
        list(points.values()),
        "o",
        ms=4.5 if len(points) < 30 else 2.5,
        color=style.light("paper"),
        markeredgecolor=colour,
        markeredgewidth=1.2,
        label=label or None,
        zorder=3,
    )


def _dress(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.margins(y=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axes.margins(x=0.02)
    axes.set_xlabel("step", color=style.light("mute"), labelpad=2)
    axes.tick_params(length=0, colors=style.light("mute"), pad=4)
    axes.grid(axis="y", color=style.light("rule"), linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style.light("rule"))


def _for_page(svg: str) -> str:
    """The <svg> element alone: colours as CSS variables, the page's font, ids only where used."""
    svg = re.sub(r"\s+", " ", svg[svg.index("<svg") :])
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r' (?:xmlns(?::xlink)?|version)="[^"]*"', "", svg)
    svg = re.sub(r'<svg (?:(?:width|height)="[^"]*" )+', "<svg ", svg)
    svg = re.sub(r'<svg([^>]*?) (?:width|height)="[^"]*"', r"<svg\1", svg)
    # Older Matplotlib writes one `font`, newer ones `font-size` and `font-family`.
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family:[^;\"]*;?", "", svg)
    for name in style.PALETTE:
        svg = re.sub(style.light(name), f"var(--{name})", svg, flags=re.IGNORECASE)
    # Matplotlib writes six decimals; a hundredth of a point is already invisible. Tags only: the
    # text between them holds the tick labels.
    return re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), svg).strip()
