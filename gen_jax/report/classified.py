"""What samples show, by name: the shares of classes as a chart, and samples of each class."""

from functools import partial
from typing import Any

import numpy as np

from gen_jax.report import gallery, images, style
from gen_jax.report.axes import Legend, Plot, charts, dress
from gen_jax.report.document import Block, Gallery, Missing
from gen_jax.report.workdir import Run

_FLAT = (5.6, 2.6)
_MOST_BARS = 24
_MOST_LETTERS = 60
_MOST_PIXELS = 90_000
_KINDS = (("samples", "orange"), ("test images", "green"))


def shares(run: Run) -> list[Block]:
    """How often the classifier finds each class in samples, and the first samples of each."""
    parts = (_chart(run), _gallery(run))
    return [part for part in parts if part is not None]


def _chart(run: Run) -> Block | None:
    ours, real = (run.figures.get(name) for name in ("class_shares", "class_shares_real"))
    if ours is None and real is None:
        return None
    fake_shares = gallery.numbers(run, "class_shares", rank=1)
    real_shares = gallery.numbers(run, "class_shares_real", rank=1)
    if fake_shares is None or real_shares is None or fake_shares.shape != real_shares.shape:
        return Missing(
            "No class shares: evals/figures.npz was read, class_shares and class_shares_real are"
            " not two lists of one length."
        )
    values, count = np.stack([fake_shares, real_shares]), len(fake_shares)
    caption = "Shares of the classes that the classifier names, in samples and in test images"
    if count <= _MOST_BARS:
        names = [gallery.class_name(run, label) for label in range(count)]
        draw, caption = partial(_bars, values=values, names=names), f"{caption}."
    else:
        draw = partial(_falling, values=-np.sort(-values, axis=1))
        caption += f"; {count:,} classes, each kind's commonest first."
    return charts("class_shares", [Plot("Classes", "share of images", draw, _FLAT)], caption, 1)


def _gallery(run: Run) -> Gallery | Missing | None:
    found = gallery.arrays(run, "samples by named class", classified_samples=5)
    if found is None or isinstance(found, Missing):
        return found
    pictures = images.shrunk(found[0], gallery.LONGEST_SIDE)
    mask = run.figures.get("classified_mask")
    if mask is None or mask.shape != pictures.shape[:2]:
        return Missing(
            "No samples by named class: evals/figures.npz was read, classified_mask does not have"
            " the expected shape."
        )
    pictures = pictures[: gallery.affordable(_MOST_PIXELS, pictures[0])]
    cells = images.with_alpha(pictures)
    cells[..., -1] *= mask[: len(cells), :, None, None].astype(np.uint8)
    strips = [images.grid(row[None], gallery.GAP, fill=0) for row in cells]
    caption = (
        "A class a row: the first samples that the classifier names so. A row may be short of"
        " samples, or have none."
    )
    names = gallery.names(run, "classified_labels", len(cells))
    scale = gallery.upscale(pictures)
    return gallery.rows("classified", strips, scale, names, caption, "samples named {}")


def _bars(axes: Any, values: np.ndarray, names: list[str]) -> Legend:
    """Bars side by side, of shares [2, K]."""
    places = np.arange(values.shape[1])
    for shift, heights, (_, colour) in zip((-0.2, 0.2), values, _KINDS, strict=True):
        axes.bar(places + shift, heights, 0.38, color=style.light(colour), linewidth=0)
    dress(axes, "class")
    axes.set_ylim(0, 1.3 * (values.max() or 1))  # the legend stands above the bars
    axes.set_xticks(places, [name.replace("_", " ") for name in names])
    if max(map(len, names)) * len(names) > _MOST_LETTERS:
        axes.tick_params(axis="x", rotation=35)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    return tuple((name, colour, "") for name, colour in _KINDS)


def _falling(axes: Any, values: np.ndarray) -> Legend:
    """Steps of falling shares [2, K]; an area where few classes hold all of the samples."""
    for heights, (_, colour) in zip(values, _KINDS, strict=True):
        edges = np.arange(values.shape[1] + 1)
        axes.stairs(heights, edges, fill=True, color=style.light(colour), alpha=0.25, linewidth=0)
        axes.stairs(heights, edges, color=style.light(colour), linewidth=1.2)
    dress(axes, "classes in falling order", integer=True)
    axes.set_ylim(bottom=0)
    return tuple((name, colour, "") for name, colour in _KINDS)
