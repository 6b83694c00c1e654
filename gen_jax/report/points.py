"""Points in the plane: the chart of a report, and a small picture for progress during training."""

from functools import partial
from typing import Any

import numpy as np

from gen_jax.report import gallery, style
from gen_jax.report.axes import Legend, Plot, bare, charts
from gen_jax.report.document import Block, Missing
from gen_jax.report.workdir import Run

_SIZE = (5.6, 5.9)
_MOST_POINTS = 2500
_NAMES = ("points_samples", "points_real", "points_modes")
_MARGIN = 0.3
_BAND = 0.16
_OPACITY = 0.6


def scatter(run: Run) -> list[Block]:
    """Real and generated points, and the circles within which a sample is of high quality."""
    if not any(name in run.figures for name in (*_NAMES, "points_radius")):
        return []
    arrays = {name: gallery.numbers(run, name, rank=2) for name in _NAMES[:2]}
    arrays["points_modes"] = gallery.numbers(run, "points_modes", rank=2, most=_MOST_POINTS)
    arrays["points_radius"] = gallery.numbers(run, "points_radius", rank=1)
    for name, array in arrays.items():
        if name not in run.figures:
            return [Missing(f"No points: evals/figures.npz was read, {name} is not in it.")]
        if array is None or array.shape[1:] not in ((), (2,)):
            return [
                Missing(
                    f"No points: evals/figures.npz was read, {name} does not have the expected"
                    " shape, or is not finite."
                )
            ]
    fake, real, modes, radius = (array for array in arrays.values() if array is not None)
    fake, real = fake[:_MOST_POINTS], real[:_MOST_POINTS]
    low, high = window(modes)
    outside = int(np.sum(~_inside(fake, low, high)))
    caption = (
        f"{len(fake):,} samples over {len(real):,} test points. A sample in a circle, three"
        " standard deviations around a mode's centre, is of high quality."
    )
    if outside:
        caption += f" {outside:,} samples lie outside the picture."
    draw = partial(_draw, fake=fake, real=real, modes=modes, radius=float(radius[0]))
    plot = Plot("Samples in the plane", "the data's own units", draw, _SIZE)
    return [charts("points", [plot], caption, columns=1)]


def picture(points: np.ndarray, modes: np.ndarray, side: int = 256) -> np.ndarray:
    """A cloud of points, the darker the denser, on marks where the modes are.

    Args:
      points: numbers [n, 2]; those outside the window or not finite are left out.
      modes: the centres [M, 2].
      side: height and width in pixels.

    Returns:
      uint8 [side, side, 3], the second coordinate upwards.
    """
    low, high = window(modes)
    out = np.full((side, side, 3), _rgb("paper"), np.float64)
    for row, column in _pixels(modes, low, high, side):
        arm = max(side // 64, 1)
        out[max(row - arm, 0) : row + arm + 1, column] = _rgb("mute")
        out[row, max(column - arm, 0) : column + arm + 1] = _rgb("mute")
    hits = np.zeros((side + 2, side + 2))
    rows, columns = _pixels(points[_inside(points, low, high)], low, high, side).T + 1
    np.add.at(hits, (rows, columns), 1)
    # A point is a plus of five pixels: a single one would be lost at the size of a thumbnail.
    hits = hits + sum(np.roll(hits, shift, axis) for shift in (-1, 1) for axis in (0, 1))
    cover = 1 - (1 - _OPACITY) ** hits[1:-1, 1:-1, None]
    return np.rint(out + cover * (_rgb("orange") - out)).astype(np.uint8)


def window(modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner [2] of a square around centres [M, 2], with a margin."""
    modes = np.asarray(modes, np.float64)
    low, high = modes.min(axis=0), modes.max(axis=0)
    # A single centre has no extent.
    half = (0.5 + _MARGIN / 2) * (float((high - low).max()) or 1.0)
    return (low + high) / 2 - half, (low + high) / 2 + half


def _inside(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Which points [n, 2] are in the window, bool [n]; NaN is not."""
    return np.all((points >= low[None]) & (points <= high[None]), axis=1)


def _pixels(points: np.ndarray, low: np.ndarray, high: np.ndarray, side: int) -> np.ndarray:
    """Row and column [n, 2] of points in the window."""
    across = (points - low[None]) / (high - low)[None]
    found = np.minimum((across * side).astype(np.int64), side - 1)
    return np.stack([side - 1 - found[:, 1], found[:, 0]], axis=1)


def _rgb(name: str) -> np.ndarray:
    return np.array([int(style.light(name)[i : i + 2], 16) for i in (1, 3, 5)], np.float64)


def _draw(
    axes: Any, fake: np.ndarray, real: np.ndarray, modes: np.ndarray, radius: float
) -> Legend:
    from matplotlib.patches import Circle, PathPatch
    from matplotlib.path import Path

    low, high = window(modes)
    dot = np.array([[1e-4 * (high[0] - low[0]), 0]])
    for points, colour in ((real, "green"), (fake, "orange")):
        group = points[_inside(points, low, high)]
        # As in plots.latent_space: strokes of next to no length are the smallest dots in an SVG.
        ends = np.stack([group, group + dot], axis=1).reshape(-1, 2)
        path = Path(ends, np.tile([Path.MOVETO, Path.LINETO], len(group)))
        if len(group):
            look = {"edgecolor": style.light(colour), "facecolor": "none", "alpha": 0.6}
            axes.add_patch(PathPatch(path, lw=2, capstyle="round", snap=False, **look))
    for centre in modes.tolist():
        circle = Circle(centre, radius, fill=False, lw=0.8)
        circle.set_edgecolor(style.light("ink"))
        axes.add_patch(circle)
    axes.set_xlim(low[0], high[0])
    # The sheet for Markdown has its legend inside, where it would hide modes: an empty band above.
    axes.set_ylim(low[1], high[1] + _BAND * (high[1] - low[1]))
    axes.set_aspect("equal")
    bare(axes)
    return (
        ("real", "green", "disc"),
        ("generated", "orange", "disc"),
        ("three standard deviations", "ink", "o"),
    )
