"""Turns the image arrays of evals/figures.npz and the sample grids into the report's galleries."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from gen_jax.report import images
from gen_jax.report.document import Gallery, Item, Missing
from gen_jax.report.workdir import Run

# Bounds that keep a whole report.html near 2 MB when images hardly compress (3 bytes a pixel).
_LONGEST_SIDE = 64
_MOST_PIXELS = {"class_grid": 140_000, "reconstruction": 50_000, "interpolation": 90_000}
_STRIP_LENGTH = 5
_STRIP_SIDE = 340
_GAP = 2


def class_grid(run: Run) -> Gallery | Missing:
    """Samples of each class, a named class a row."""
    pictures = _array(run, "class_grid", rank=5)
    if pictures is None:
        return _missing(run, "class-conditional grid", "class_grid")
    total = len(pictures)
    pictures = images.shrunk(pictures[:, :10], _LONGEST_SIDE)
    pictures = pictures[: _affordable("class_grid", pictures[0])]
    scale = _upscale(pictures)
    names = _names(run, "class_grid_labels", len(pictures))
    items = tuple(
        _item(name, _strip([row]), scale, f"samples of {name}")
        for name, row in zip(names, pictures, strict=True)
    )
    shown = f"{len(pictures)} of {total} rows shown. " if len(pictures) < total else ""
    caption = f"{shown}{pictures.shape[1]} samples of each class."
    sheet = images.labelled_rows(images.grid(pictures, _GAP, scale), names)
    return Gallery("class_grid", "rows", items, caption, images.encode_png(sheet))


def reconstructions(run: Run) -> Gallery | Missing:
    """Test images above their reconstructions."""
    originals = _array(run, "reconstruction_input", rank=4)
    outputs = _array(run, "reconstruction_output", rank=4)
    if originals is None or outputs is None:
        absent = "reconstruction_input" if originals is None else "reconstruction_output"
        return _missing(run, "test reconstructions", absent)
    count = min(len(originals), len(outputs))
    pairs = np.stack([originals[:count], outputs[:count]], axis=1)
    pairs = images.shrunk(pairs, _LONGEST_SIDE)
    pairs = pairs[: _affordable("reconstruction", pairs[0])]
    scale = _upscale(pairs)
    names = _names(run, "reconstruction_labels", len(pairs))
    columns = [images.grid(images.with_alpha(pair[:, None]), _GAP, fill=0) for pair in pairs]
    items = tuple(
        _item(name, column, scale, f"{name}: test image above its reconstruction")
        for name, column in zip(names, columns, strict=True)
    )
    caption = "Above: test image. Below: its reconstruction. The label is the image's class."
    sheet = images.labelled_rows(
        images.grid(pairs[:10].swapaxes(0, 1), _GAP, scale),
        ("test image", "reconstruction"),
    )
    return Gallery("reconstructions", "cells", items, caption, images.encode_png(sheet))


def interpolations(run: Run) -> Gallery | Missing:
    """Decoded paths between test images, the images themselves at both ends."""
    paths = _array(run, "interpolation", rank=5)
    ends = _array(run, "interpolation_ends", rank=5)
    if paths is None or ends is None:
        absent = "interpolation" if paths is None else "interpolation_ends"
        return _missing(run, "latent interpolations", absent)
    count = min(len(paths), len(ends))
    paths = images.shrunk(paths[:count], _LONGEST_SIDE)
    ends = images.shrunk(ends[:count], _LONGEST_SIDE)
    count = min(count, _affordable("interpolation", np.concatenate([paths[0], ends[0]])))
    first, last = (_names(run, "interpolation_labels", count, column) for column in (0, 1))
    pairs = list(zip(first, last, strict=True))
    rows = [
        _strip([end[:1], path, end[1:]])
        for path, end in zip(paths[:count], ends[:count], strict=True)
    ]
    scale = _upscale(paths)
    items = tuple(
        _item(f"{a} → {b}", row, scale, f"from {a} to {b}")
        for (a, b), row in zip(pairs, rows, strict=True)
    )
    caption = (
        "Outermost: the two test images. Between them, set apart:"
        f" {paths.shape[1]} images decoded along the path from one code to the other;"
        " the first and last of these are the ends' reconstructions."
    )
    names = [f"{a} to {b}" for a, b in pairs]  # the font of labelled_rows has no arrow
    opaque = [_on_white(row).repeat(scale, axis=0).repeat(scale, axis=1) for row in rows]
    sheet = images.labelled_rows(images.grid(np.stack(opaque)[:, None], _GAP * scale), names)
    return Gallery("interpolations", "rows", items, caption, images.encode_png(sheet))


def progress(run: Run) -> Gallery | Missing:
    """The first sample grid, the last, and evenly spaced ones between."""
    if not run.samples:
        return Missing(
            "No training progress yet: samples/ holds no grid; training writes one every"
            " config.sample_every steps."
        )
    steps = list(run.samples)
    chosen = np.linspace(0, len(steps) - 1, min(_STRIP_LENGTH, len(steps))).round().astype(int)
    items, unreadable = [], []
    for step in (steps[index] for index in chosen):
        try:
            content, width = _small_copy(run.samples[step])
        except (OSError, ValueError):
            unreadable.append(run.samples[step].name)
            continue
        items.append(Item(f"step {step:,}", content, width, f"samples at step {step:,}"))
    broken = f" Unreadable: {', '.join(unreadable)}." if unreadable else ""
    if not items:
        return Missing(f"No training progress: no sample grid can be read.{broken}")
    caption = f"{len(items)} of {len(steps)} sample grids, all from the same latents.{broken}"
    return Gallery("progress", "strip", tuple(items), caption)


def _small_copy(file: Path) -> tuple[bytes, int]:
    """A sample grid at most _STRIP_SIDE pixels wide in 256 colours: PNG bytes and its width."""
    with Image.open(file) as stored:
        picture = stored.convert("RGB")
    if picture.width > _STRIP_SIDE:
        height = max(round(picture.height * _STRIP_SIDE / picture.width), 1)
        picture = picture.resize((_STRIP_SIDE, height), Image.Resampling.BOX)
    picture = picture.crop((0, 0, picture.width, min(picture.height, 2 * _STRIP_SIDE)))
    buffer = BytesIO()
    picture.quantize(256).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue(), picture.width


def _array(run: Run, name: str, rank: int) -> np.ndarray | None:
    """A non-empty uint8 array of this name and rank, or None."""
    array = run.figures.get(name)
    if array is None or array.ndim != rank or array.dtype != np.uint8 or 0 in array.shape:
        return None
    return array


def _missing(run: Run, what: str, name: str) -> Missing:
    if not run.figures:
        return Missing(f"No {what} yet: evals/figures.npz is not there; run --mode=evaluate.")
    reason = "does not have the expected shape" if name in run.figures else "is not in it"
    return Missing(f"No {what}: evals/figures.npz was read, {name} {reason}.")


def _names(run: Run, labels_name: str, count: int, column: int | None = None) -> list[str]:
    """A class name for each of `count` rows: "class 3" without names, "row 3" without labels."""
    labels = run.figures.get(labels_name)
    if labels is not None and column is not None and labels.ndim == 2:
        labels = labels[:, column]
    if labels is None or labels.ndim != 1 or len(labels) < count:
        return [f"row {index + 1}" for index in range(count)]
    known: Sequence[str] = run.figures.get("class_names", np.zeros(0, str)).tolist()
    return [
        str(known[label]) if 0 <= label < len(known) else f"class {label}"
        for label in labels[:count].tolist()
    ]


def _affordable(kind: str, row: np.ndarray) -> int:
    """How many rows like this one [..., H, W, C] the page can hold, at least 2."""
    return max(_MOST_PIXELS[kind] // (row.size // row.shape[-1]), 2)


def _strip(parts: Sequence[np.ndarray]) -> np.ndarray:
    """RGBA row of image groups [n, H, W, C]: thin gaps within a group, wide ones between groups."""
    rows = [images.grid(images.with_alpha(part[None]), _GAP, fill=0) for part in parts]
    height, width, channels = parts[0].shape[1], parts[0].shape[2], rows[0].shape[-1]
    spacer = np.zeros((height, max(width // 4, 2 * _GAP), channels), np.uint8)
    spaced = [piece for row in rows for piece in (spacer, row)][1:]
    return np.concatenate(spaced, axis=1)


def _on_white(picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, C + alpha] laid on white, [H, W, C]."""
    return np.where(picture[..., -1:] > 0, picture[..., :-1], np.uint8(255))


def _upscale(pictures: np.ndarray) -> int:
    """How often to double small images up, so that Markdown shows them at about 64 pixels."""
    return max(64 // max(pictures.shape[-3:-1]), 1)


def _item(label: str, picture: np.ndarray, scale: int, description: str) -> Item:
    return Item(label, images.encode_png(picture), picture.shape[1] * scale, description)
