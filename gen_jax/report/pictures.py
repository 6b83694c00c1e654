"""The galleries every generative model has: samples, reconstructions, paths, progress."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gen_jax.report import gallery, images
from gen_jax.report.document import Gallery, Item, Missing
from gen_jax.report.workdir import Run

# Bounds that keep a whole report.html near 2 MB when images hardly compress (3 bytes a pixel).
_MOST_PIXELS = {"samples": 140_000, "reconstruction": 50_000, "interpolation": 150_000}
_STRIP_LENGTH = 5
_STRIP_SIDE = 340
_LARGEST = 50_000_000
WITHOUT_ENCODER = ("classifier", "gan")
"""Families that no evaluation will ever give reconstructions or what lies between them."""


def samples(run: Run) -> Gallery | Missing | None:
    """Prior samples: of each class, a named class a row, or of no class in particular."""
    if "samples" in run.figures:
        found = gallery.arrays(run, "samples", samples=5)
    else:
        found = gallery.arrays(run, "class-conditional grid", class_grid=5)
    if found is None or isinstance(found, Missing):
        return found or gallery.not_yet(run, "class-conditional grid")
    total = len(found[0])
    pictures = images.shrunk(found[0][:, :10], gallery.LONGEST_SIDE)
    pictures = pictures[: gallery.affordable(_MOST_PIXELS["samples"], pictures[0])]
    scale = gallery.upscale(pictures)
    shown = f"{len(pictures)} of {total} rows shown. " if len(pictures) < total else ""
    if "samples" in run.figures:
        whole = images.grid(pictures, gallery.GAP)
        one = gallery.item("", whole, scale, "samples from the prior")
        sheet = images.grid(pictures, gallery.GAP, scale)
        caption = f"{shown}{len(pictures) * pictures.shape[1]} samples, z drawn from the prior."
        return Gallery("samples", "whole", (one,), caption, images.encode_png(sheet))
    names = gallery.names(run, "class_grid_labels", len(pictures))
    caption = f"{shown}{pictures.shape[1]} samples of each class."
    strips = [gallery.strip([row]) for row in pictures]
    return gallery.rows("class_grid", strips, scale, names, caption, "samples of {}")


def reconstructions(run: Run) -> Gallery | Missing | None:
    """Test images above their reconstructions."""
    caption = "Above: test image. Below: its reconstruction. The label is the image's class."
    what = "test reconstructions"
    found = paired(run, what, "reconstruction", "reconstruction", caption)
    return found or _promised(run, what)


def paired(run: Run, what: str, kind: str, below: str, caption: str) -> Gallery | Missing | None:
    """Test images above what a model makes of them, with the class of each.

    Args:
        run: the workdir's content.
        what: the part of the report, for the line that says why it is not there.
        kind: of the arrays "KIND_input" and "KIND_output" [n, H, W, C] and "KIND_labels" [n].
        below: what the lower pictures are.
        caption: under the gallery.
    """
    found = gallery.arrays(run, what, **{f"{kind}_input": 4, f"{kind}_output": 4})
    if found is None or isinstance(found, Missing):
        return found
    count = min(len(array) for array in found)
    pairs = np.stack([array[:count] for array in found], axis=1)
    pairs = images.shrunk(pairs, gallery.LONGEST_SIDE)
    pairs = pairs[: gallery.affordable(_MOST_PIXELS["reconstruction"], pairs[0])]
    scale = gallery.upscale(pairs)
    names = gallery.names(run, f"{kind}_labels", len(pairs))
    columns = [images.grid(images.with_alpha(pair[:, None]), gallery.GAP, fill=0) for pair in pairs]
    items = tuple(
        gallery.item(name, column, scale, f"{name}: test image above its {below}")
        for name, column in zip(names, columns, strict=True)
    )
    sheet = images.labelled_rows(
        images.grid(pairs[:10].swapaxes(0, 1), gallery.GAP, scale), ("test image", below)
    )
    return Gallery(f"{kind}s", "cells", items, caption, images.encode_png(sheet))


def interpolations(run: Run) -> Gallery | Missing | None:
    """Decoded paths between test images, the images themselves at both ends."""
    what = "latent interpolations"
    found = gallery.arrays(run, what, interpolation=5, interpolation_ends=5)
    if found is None or isinstance(found, Missing):
        return found or _promised(run, what)
    straight, ends = found
    paths = [straight]
    curved = run.figures.get("interpolation_spherical")
    if curved is not None and curved.shape == straight.shape and curved.dtype == np.uint8:
        paths.append(curved)
    paths = [images.shrunk(path, gallery.LONGEST_SIDE) for path in paths]
    ends = images.shrunk(ends, gallery.LONGEST_SIDE)
    row = np.concatenate([ends[0], *(path[0] for path in paths)])
    affordable = gallery.affordable(_MOST_PIXELS["interpolation"], row)
    count = min(len(straight), len(ends), affordable)
    first, last = (gallery.names(run, "interpolation_labels", count, column) for column in (0, 1))
    labels = [f"{a} → {b}" for a, b in zip(first, last, strict=True)]
    rows = [between(ends[i], [path[i] for path in paths]) for i in range(count)]
    caption = (
        "Outermost: the two test images. Between them, set apart:"
        f" {straight.shape[1]} images decoded along the path from one code to the other;"
        " the first and last of these are the ends' reconstructions."
    )
    if len(paths) > 1:
        caption += " Above: the straight line. Below: the great circle (slerp)."
    about = "from one test image to another, {}"
    return gallery.rows("interpolations", rows, gallery.upscale(straight), labels, caption, about)


def between(ends: np.ndarray, paths: list[np.ndarray]) -> np.ndarray:
    """RGBA picture of paths [n, H, W, C] one below the other, their two ends beside the first."""
    lines = [gallery.strip([ends[:1], path, ends[1:]]) for path in paths]
    width, side = lines[0].shape[1], ends.shape[2] + gallery.GAP
    for line in lines[1:]:
        line[:, :side] = line[:, width - side :] = 0
    return stacked(lines)


def stacked(lines: Sequence[np.ndarray]) -> np.ndarray:
    """One RGBA picture of lines that belong together, equally wide, one below the other."""
    width = lines[0].shape[1]
    gap = np.zeros((gallery.GAP, width, lines[0].shape[-1]), np.uint8)
    # What parts them from the lines of the next row is wider.
    apart = [gap] * (4 if len(lines) > 1 else 0)
    return np.concatenate([p for line in lines for p in (line, gap)][:-1] + apart, axis=0)


def _promised(run: Run, what: str) -> Missing | None:
    """`gallery.not_yet`, of what only families with an encoder will have."""
    if run.settings.get("family") in WITHOUT_ENCODER:
        return None
    return gallery.not_yet(run, what)


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
        except Exception:  # PIL's decoders raise nearly anything on damaged bytes
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
    # PNG alone, for some of PIL's readers start other programs.
    with Image.open(file, formats=("PNG",)) as stored:
        if stored.width * stored.height > _LARGEST:
            raise ValueError("too large")
        picture = stored.convert("RGB")
    if picture.width > _STRIP_SIDE:
        height = max(round(picture.height * _STRIP_SIDE / picture.width), 1)
        picture = picture.resize((_STRIP_SIDE, height), Image.Resampling.BOX)
    picture = picture.crop((0, 0, picture.width, min(picture.height, 2 * _STRIP_SIDE)))
    return images.encode_png(np.asarray(picture), colours=256), picture.width
