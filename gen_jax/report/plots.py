"""Charts of what evaluations found: the latent space, its dimensions, factors, bounds, scores."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gen_jax.report import gallery, style
from gen_jax.report.axes import Legend, Plot, bare, charts, dress
from gen_jax.report.document import Block
from gen_jax.report.tables import number
from gen_jax.report.workdir import Run

_PLANE, _FLAT = (5.6, 4.3), (5.6, 2.6)
_MOST_ROWS = 24
_FEW_CLASSES = 10
_FEW_BARS = 10
_MOST_BARS = 2**13
_BINS = 40
_LIMITS = (0.1, 99.9)
_SLICES = 8
_SCORES = {
    "elbo": "negative ELBO, nats per image",
    "mse": "mean squared error over pixels",
    "kl": "KL, nats per image",
}


def latent_space(run: Run) -> list[Block]:
    """Codes of test images in the plane, coloured by class."""
    labels = gallery.numbers(run, "latent_labels", rank=1)
    plots, count = [], 0
    for name, title in (
        ("latent_plane", "Codes"),
        ("latent_pca", "Codes by PCA"),
        ("latent_tsne", "Codes by t-SNE"),
    ):
        points = gallery.numbers(run, name, rank=2)
        if points is None or points.shape[1] != 2:
            continue
        count = len(points)
        if labels is not None and len(labels) < count:
            labels = None
        unit = {
            "latent_plane": "z[0] across, z[1] upwards",
            "latent_tsne": "neighbours kept, axes without a unit",
        }
        explained = gallery.numbers(run, "latent_pca_explained", rank=1)
        if name == "latent_pca" and explained is not None and len(explained) == 2:
            unit[name] = f"{explained[0]:.0%} of the variance across, {explained[1]:.0%} upwards"
        ticks = name != "latent_tsne"
        draw = partial(_scatter, run=run, points=points, labels=labels, ticks=ticks)
        plots.append(Plot(title, unit.get(name, ""), draw, _PLANE))
    if not plots:
        return []
    coloured = "" if labels is None else ", coloured by class"
    caption = f"Posterior means of the first {count:,} test images{coloured}."
    if labels is not None and len(np.unique(labels)) > len(style.CLASSES):
        caption += f" The first {_FEW_CLASSES} classes have colours, the others are gray."
    if "latent_tsne" in run.figures:
        caption += (
            " t-SNE keeps neighbours; its axes and the distances between clusters say nothing."
        )
    return [charts("latent_space", plots, caption, columns=2)]


def kl_per_dimension(run: Run) -> list[Block]:
    """The KL of each latent dimension, the largest first."""
    kl = gallery.numbers(run, "kl_per_dimension", rank=1, most=_MOST_BARS)
    if kl is None:
        return []
    caption = (
        f"Mean over test images; {kl.size:,} dimensions, {number(float(kl.sum()))} nats in all."
    )
    plot = Plot("KL per latent dimension", "nats", partial(_bars, values=-np.sort(-kl)), _FLAT)
    return [charts("kl_per_dimension", [plot], caption, columns=1)]


def likelihood(run: Run) -> list[Block]:
    """The importance-sampled bound against the number of draws."""
    bound, draws = (
        gallery.numbers(run, "nll_curve", rank=1, most=_MOST_BARS),
        gallery.numbers(run, "nll_curve_k", rank=1),
    )
    if bound is None or draws is None or bound.shape != draws.shape:
        return []
    caption = "An upper bound on −log p(x) in expectation, mean over test images; lower is tighter."
    plot = Plot("Bound on −log p(x)", "nats per image", partial(_line, x=draws, y=bound), _FLAT)
    return [charts("nll_curve", [plot], caption, columns=1)]


def factors(run: Run) -> list[Block]:
    """What each latent dimension knows of each generative factor."""
    table = gallery.numbers(run, "factor_information", rank=2, most=_MOST_BARS)
    if table is None:
        return []
    names = run.figures.get("factor_names", np.zeros(0, str)).astype(str).tolist()
    if len(names) != table.shape[1]:
        names = [f"factor {index}" for index in range(table.shape[1])]
    dims = np.sort(np.argsort(-table.max(axis=1), kind="stable")[:_MOST_ROWS])
    caption = "Mutual information of a latent dimension and a factor, over the factor's entropy."
    if len(dims) < len(table):
        caption += f" The {len(dims)} of {len(table)} dimensions that know most of any factor."
    size = (5.6, 0.9 + 0.22 * len(dims))
    draw = partial(_heatmap, table=table[dims], rows=[f"z[{d}]" for d in dims], columns=names)
    plot = Plot("Factors in the code", "share of the factor's entropy", draw, size)
    return [charts("factor_information", [plot], caption, columns=1)]


def scores(run: Run) -> list[Block]:
    """Anomaly scores of test images of the classes trained on and of the others."""
    values, is_anomaly = gallery.numbers(run, "anomaly_scores", 1), run.figures.get("anomaly_is")
    if values is None or is_anomaly is None or is_anomaly.shape != values.shape:
        return []
    second = is_anomaly.astype(bool)
    draw = partial(_histograms, values=values, second=second, across=_score(run))
    plot = Plot("Anomaly scores", "share of the images of a kind", draw, _FLAT)
    caption = (
        f"{int((~second).sum()):,} test images of the classes trained on, {int(second.sum()):,} of"
        " the others. The outermost bins hold what lies beyond them."
    )
    return [charts("anomaly_scores", [plot], caption, columns=1)]


def _score(run: Run) -> str:
    """What the main anomaly score is: the evaluation names it in the first of its values."""
    content = next((content for content in run.evals if content["name"] == "anomaly"), {})
    values = content.get("values")
    first = next(iter(values), "") if isinstance(values, Mapping) else ""
    return _SCORES.get(first.removeprefix("auroc_"), "score")


def _scatter(
    axes: Any, run: Run, points: np.ndarray, labels: np.ndarray | None, ticks: bool
) -> Legend:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    labels = np.zeros(len(points), int) if labels is None else labels[: len(points)]
    classes = np.unique(labels)
    shown = classes if len(classes) <= len(style.CLASSES) else classes[:_FEW_CLASSES]
    colours = dict(zip(shown.tolist(), style.CLASSES, strict=False))
    dot = np.array([1e-4 * float(np.ptp(points, axis=0).max()), 0])
    groups = [
        (points[start::_SLICES][labels[start::_SLICES] == label], colours.get(label, "rule"))
        for start in range(_SLICES)
        for label in classes.tolist()
    ]
    groups.sort(key=lambda group: group[1] != "rule")
    for group, colour in groups:
        # A path of next to no length for each point, with round caps: thousands of them take a page
        # a few bytes each. Several paths a class, lest the last class hide the others.
        ends = np.stack([group, group + dot], axis=1).reshape(-1, 2)
        path = Path(ends, np.tile([Path.MOVETO, Path.LINETO], len(group)))
        if len(group):
            look = {"edgecolor": style.light(colour), "facecolor": "none", "alpha": 0.8}
            axes.add_patch(PathPatch(path, lw=3, capstyle="round", snap=False, **look))
    axes.autoscale_view()
    axes.set_aspect("equal", adjustable="datalim")
    bare(axes)
    if not ticks:
        axes.set_xticks([])
        axes.set_yticks([])
    legend = [(gallery.class_name(run, label), name, "disc") for label, name in colours.items()]
    legend += [("other classes", "rule", "disc")] if len(shown) < len(classes) else []
    return tuple(legend)


def _bars(axes: Any, values: np.ndarray) -> Legend:
    width = 0.8 if len(values) <= 64 else 1.0
    axes.bar(np.arange(1, len(values) + 1), values, width, color=style.light("teal"), linewidth=0)
    dress(axes, "dimensions in falling order", integer=True)
    axes.set_ylim(bottom=0)
    if len(values) < _FEW_BARS:
        axes.set_xlim(0.4, _FEW_BARS + 0.6)
        axes.set_xticks(range(1, len(values) + 1))
    return ()


def _line(axes: Any, x: np.ndarray, y: np.ndarray) -> Legend:
    axes.plot(x, y, "o-", color=style.light("blue"), linewidth=1.4, ms=4)
    axes.set_xscale("log")
    dress(axes, "draws k")
    axes.set_xticks(x.tolist(), minor=False)
    axes.set_xticks([], minor=True)
    return ()


def _heatmap(axes: Any, table: np.ndarray, rows: list[str], columns: list[str]) -> Legend:
    from matplotlib.patches import Rectangle

    for (row, column), value in np.ndenumerate(table):
        # Opacity in one colour reads on light and on dark paper; beyond 0.6 the number does not.
        shade = 0.6 * float(np.clip(value, 0, 1))
        cell = Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, lw=0, alpha=shade)
        cell.set_facecolor(style.light("teal"))
        axes.add_patch(cell)
        look = {"ha": "center", "va": "center", "fontsize": 8, "color": style.light("ink")}
        axes.text(column, row, f"{value:.2f}", **look)
    axes.set_xlim(-0.5, table.shape[1] - 0.5)
    axes.set_ylim(table.shape[0] - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), [name.replace("_", " ") for name in columns])
    axes.set_yticks(range(len(rows)), rows)
    if max(map(len, columns)) * len(columns) > 60:
        axes.tick_params(axis="x", rotation=25)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    bare(axes)
    return ()


def _histograms(axes: Any, values: np.ndarray, second: np.ndarray, across: str) -> Legend:
    low, high = np.percentile(values, _LIMITS)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    legend = []
    for kind, name, colour in ((~second, "trained on", "blue"), (second, "anomalies", "orange")):
        if not kind.any():
            continue
        counts = np.histogram(np.clip(values[kind], edges[0], edges[-1]), edges)[0]
        shares = counts / kind.sum()
        axes.stairs(shares, edges, fill=True, color=style.light(colour), alpha=0.35, linewidth=0)
        axes.stairs(shares, edges, color=style.light(colour), linewidth=1.2)
        legend.append((name, colour, ""))
    dress(axes, across)
    axes.set_ylim(bottom=0)
    return tuple(legend)
