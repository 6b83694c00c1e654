"""What all galleries are made of: arrays of evals/figures.npz, the names of rows, and sizes."""

from collections.abc import Sequence

import numpy as np

from gen_jax.report import images
from gen_jax.report.document import Gallery, Item, Missing
from gen_jax.report.workdir import Run

GAP = 2
LONGEST_SIDE = 64
_LONGEST_AXIS = 4096
_LARGEST = 2**28


def arrays(run: Run, what: str, **ranks: int) -> tuple[np.ndarray, ...] | Missing | None:
    """Arrays by name, or why there are none.

    Args:
      run: the workdir's content.
      what: the part of the report they make, for the line that says why it is not there.
      **ranks: the rank that each array must have; all are uint8 and not empty.

    Returns:
      The arrays in the order asked for; None if this run has none of them, as a family without the
      functions they need; a line if one is absent or misshapen where the others are there.
    """
    if not any(name in run.figures for name in ranks):
        return None
    for name, rank in ranks.items():
        found = run.figures.get(name)
        if found is None:
            return Missing(f"No {what}: evals/figures.npz was read, {name} is not in it.")
        too_large = found.size > _LARGEST or max(found.shape, default=0) > _LONGEST_AXIS
        if found.ndim != rank or found.dtype != np.uint8 or 0 in found.shape or too_large:
            return Missing(
                f"No {what}: evals/figures.npz was read, {name} does not have the expected shape."
            )
    return tuple(run.figures[name] for name in ranks)


def not_yet(run: Run, what: str) -> Missing | None:
    """The line for a part that every evaluation is to make, until there has been one."""
    if run.figures:
        return None
    return Missing(f"No {what} yet: evals/figures.npz is not there; run --mode=evaluate.")


def numbers(run: Run, name: str, rank: int, least: int = 1, most: int = 2**18) -> np.ndarray | None:
    """A finite array of numbers of this rank, of so many rows and at most so many numbers."""
    array = run.figures.get(name)
    if array is None or array.ndim != rank or array.dtype.kind not in "iuf" or not array.size:
        return None
    fits = len(array) >= least and array.size <= most
    return array if fits and np.all(np.abs(array.astype(np.float64)) < 1e100) else None


def names(run: Run, labels_name: str, count: int, column: int | None = None) -> list[str]:
    """A class name for each of `count` rows: "class 3" without names, "row 3" without labels."""
    labels = run.figures.get(labels_name)
    if labels is not None and column is not None and labels.ndim == 2:
        labels = labels[:, column]
    if labels is None or labels.ndim != 1 or len(labels) < count:
        return [f"row {index + 1}" for index in range(count)]
    return [class_name(run, label) for label in labels[:count].tolist()]


def class_name(run: Run, label: int) -> str:
    """The name of a class, "class 3" where names do not reach."""
    known: Sequence[str] = run.figures.get("class_names", np.zeros(0, str)).tolist()
    return str(known[label]) if 0 <= label < len(known) else f"class {label}"


def affordable(most_pixels: int, row: np.ndarray) -> int:
    """How many rows like this one [..., H, W, C] so many pixels allow, at least 2."""
    return max(most_pixels // (row.size // row.shape[-1]), 2)


def strip(parts: Sequence[np.ndarray]) -> np.ndarray:
    """RGBA row of image groups [n, H, W, C]: thin gaps within a group, wide ones between groups."""
    rows = [images.grid(images.with_alpha(part[None]), GAP, fill=0) for part in parts]
    height, width, channels = parts[0].shape[1], parts[0].shape[2], rows[0].shape[-1]
    spacer = np.zeros((height, max(width // 4, 2 * GAP), channels), np.uint8)
    spaced = [piece for row in rows for piece in (spacer, row)][1:]
    return np.concatenate(spaced, axis=1)


def upscale(pictures: np.ndarray) -> int:
    """How often to double small images up, so that Markdown shows them at about 64 pixels."""
    return max(LONGEST_SIDE // max(pictures.shape[-3:-1]), 1)


def item(label: str, picture: np.ndarray, scale: int, description: str) -> Item:
    """A picture uint8 [H, W, C] shown `scale` times its size."""
    return Item(label, images.encode_png(picture), picture.shape[1] * scale, description)


def rows(
    name: str,
    pictures: Sequence[np.ndarray],
    scale: int,
    labels: Sequence[str],
    caption: str,
    about: str,
) -> Gallery:
    """Equally large RGBA rows, each with its label beside it.

    Args:
      name: of the gallery, and of its file.
      pictures: uint8 [H, W, C + alpha], `strip`s.
      scale: how many times its size a picture is shown.
      labels: one a row.
      caption: under the gallery.
      about: the alternative text of a row, with {} where its label goes.
    """
    items = tuple(
        item(label, picture, scale, about.format(label))
        for label, picture in zip(labels, pictures, strict=True)
    )
    opaque = np.stack([_on_white(p).repeat(scale, axis=0).repeat(scale, axis=1) for p in pictures])
    # The font of labelled_rows has no arrow.
    plain = [label.replace("→", "to") for label in labels]
    sheet = images.labelled_rows(images.grid(opaque[:, None], GAP * scale), plain)
    return Gallery(name, "rows", items, caption, images.encode_png(sheet))


def _on_white(picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, C + alpha] laid on white, [H, W, C]."""
    return np.where(picture[..., -1:] > 0, picture[..., :-1], np.uint8(255))
