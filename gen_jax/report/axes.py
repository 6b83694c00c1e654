"""How every chart of a report is drawn: as SVG in the page's colours, and as PNG for Markdown."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gen_jax.report import style
from gen_jax.report.document import Chart, Charts
from gen_jax.report.tables import tick

Legend = tuple[tuple[str, str, str], ...]

_SMALL = (3.9, 2.15)
# Fixed margins, in inches, so that the axes of neighbouring panels line up.
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.52, 0.1, 0.38, 0.1
_MOST_KEYS_INSIDE = 4
_LEGEND = {"frameon": False, "fontsize": 8, "labelcolor": style.light("ink")}


class Plot(NamedTuple):
    """A chart to be drawn.

    Attributes:
      title: what it shows.
      unit: of the vertical axis, or what the axes are.
      draw: draws on Matplotlib axes in colours of `style.light`, and returns the legend.
      size: width and height in inches; None is that of small multiples, with their fixed margins.
    """

    title: str
    unit: str
    draw: Callable[[Any], Legend]
    size: tuple[float, float] | None = None


def charts(name: str, plots: Sequence[Plot], caption: str, columns: int = 3) -> Charts:
    """Plots, all of one size, as a block; the sheet for Markdown has so many columns."""
    # Here, not above: matplotlib takes a second to import and images.py is used without it.
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {"svg.fonttype": "none", "font.size": 9, "text.parse_math": False}
        )
        drawn = tuple(_chart(f"{name} {plot.title}", plot) for plot in plots)
        return Charts(name, drawn, caption, _sheet(plots, columns), plots[0].size is not None)


def dress(axes: Any, across: str, integer: bool = False) -> None:
    """Ticks, grid and frame as all charts have them; `across` names the horizontal axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.margins(y=0.08)
    if axes.get_xscale() != "log":
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=integer))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axes.margins(x=0.02)
    axes.set_xlabel(across, color=style.light("mute"), labelpad=2)
    axes.grid(axis="y", color=style.light("rule"), linewidth=0.8)
    axes.set_axisbelow(True)
    bare(axes)
    axes.spines["bottom"].set_visible(True)


def bare(axes: Any) -> None:
    """No frame, and labels without tick marks."""
    axes.tick_params(which="both", length=0, colors=style.light("mute"), pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)
        spine.set_color(style.light("rule"))


def _chart(salt: str, plot: Plot) -> Chart:
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    # The salt keeps the ids of panels apart: all of them end up in one page.
    rcParams["svg.hashsalt"] = salt
    width, height = plot.size or _SMALL
    if plot.size is None:
        inner = (
            _LEFT / width,
            _BOTTOM / height,
            1 - (_LEFT + _RIGHT) / width,
            1 - (_BOTTOM + _TOP) / height,
        )
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes(inner)
    else:
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
    legend = plot.draw(axes)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Chart(plot.title, plot.unit, legend, _for_page(buffer.getvalue()))


def _sheet(plots: Sequence[Plot], columns: int) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = min(columns, len(plots))
    rows = -(-len(plots) // columns)
    width, height = plots[0].size or (4, 2.15)
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12)
    figure = Figure(figsize=(width * columns, (height + 0.55) * rows), layout=layout)
    drawn = []
    for index, plot in enumerate(plots):
        axes = figure.add_subplot(rows, columns, index + 1)
        drawn.append((axes, plot.draw(axes)))
        _head(axes, plot, width)
    every = tuple(dict.fromkeys(key for _, legend in drawn for key in legend))
    crowded = any(len(legend) > _MOST_KEYS_INSIDE for _, legend in drawn)
    if crowded and len({key[1:] for key in every}) == len(every):
        # Long names beside each chart would leave no room for the charts.
        figure.legend(handles=_keys(every), loc="outside upper left", ncols=columns, **_LEGEND)
    else:
        for axes, legend in drawn:
            if len(legend) > 1:
                _draw_legend(axes, legend)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _head(axes: Any, plot: Plot, width: float) -> None:
    """The title left and the unit right of it; below it where `width` inches do not hold both."""
    bold = {"fontsize": 10, "fontweight": "bold", "color": "#222222"}
    mute = {"fontsize": 8, "color": style.light("mute")}
    # Mean widths of a letter, in inches, and what the ticks take.
    if 0.085 * len(plot.title) + 0.062 * len(plot.unit) + 0.6 < width:
        axes.set_title(plot.title, loc="left", **bold)
        axes.set_title(plot.unit, loc="right", **mute)
        return
    axes.set_title(plot.title, loc="left", pad=17, **bold)
    axes.annotate(
        plot.unit,
        (0, 1),
        xytext=(0, 6),
        textcoords="offset points",
        xycoords="axes fraction",
        **mute,
    )


def _draw_legend(axes: Any, legend: Legend) -> None:
    """Inside the axes where there is room, beside them otherwise."""
    beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    place = beside if len(legend) > _MOST_KEYS_INSIDE else {}
    axes.legend(handles=_keys(legend), **_LEGEND, **place)


def _keys(legend: Legend) -> list[Any]:
    """What stands beside the names in a legend."""
    from matplotlib.lines import Line2D

    keys = []
    for label, name, marker in legend:
        colour = style.light(name)
        inside = style.light("paper") if marker == "o" else colour
        key = Line2D([], [], color=colour, label=label, linewidth=0 if marker else 1.4)
        key.set(marker="o" if marker else "", markersize=4.5, mfc=inside, mec=colour)
        keys.append(key)
    return keys


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
