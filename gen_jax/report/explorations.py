"""Galleries of what a code's parts do: traversals, the manifold, class arithmetic; denoising."""

import numpy as np

from gen_jax.report import gallery, images
from gen_jax.report.document import Block, Gallery, Item, Missing
from gen_jax.report.tables import number
from gen_jax.report.workdir import Run

_MOST_PIXELS = {"traversal": 120_000, "arithmetic": 40_000, "denoise": 90_000, "anomaly": 36_000}
_MANIFOLD_SIDE = 32
_CELLS = 16
_MOST_KINDS = 12


def traversal(run: Run) -> list[Block]:
    """One latent dimension a row, moved while the others are held."""
    found = gallery.arrays(run, "latent traversals", traversal=5)
    if found is None or isinstance(found, Missing):
        return [found] if found else []
    pictures = images.shrunk(found[0], gallery.LONGEST_SIDE)
    pictures = pictures[: gallery.affordable(_MOST_PIXELS["traversal"], pictures[0])]
    points = "traversal_variance" in run.figures
    measures = gallery.numbers(
        run, "traversal_variance" if points else "traversal_kl", rank=1, least=len(pictures)
    )
    dims = gallery.numbers(run, "traversal_dims", rank=1, least=len(pictures))
    values = gallery.numbers(run, "traversal_values", rank=1)
    labels = []
    for row in range(len(pictures)):
        name = f"z[{row if dims is None else int(dims[row])}]"
        if measures is not None:
            size = float(measures[row])
            name += f" · std {size**0.5:.2g}" if points else f" · {size:.2f} nats"
        labels.append(name)
    ends = (-3.0, 3.0) if values is None else (float(values[0]), float(values[-1]))
    unit = "standard deviations of the codes" if points else "standard deviations of the prior"
    order = "variance" if points else "mean KL"
    caption = (
        f"A latent dimension a row, set to {pictures.shape[1]} values from {number(ends[0])} to"
        f" {number(ends[1])} {unit}, the others held at the code of the first test image."
        f" Rows are the dimensions of the largest {order}, given beside them."
    )
    strips = [gallery.strip([row]) for row in pictures]
    scale = gallery.upscale(pictures)
    return [gallery.rows("traversals", strips, scale, labels, caption, "traversal of {}")]


def manifold(run: Run) -> list[Block]:
    """The decoded plane of a two-dimensional code."""
    found = gallery.arrays(run, "latent manifold", manifold=5)
    if found is None or isinstance(found, Missing):
        return [found] if found else []
    pictures = images.shrunk(found[0], _MANIFOLD_SIDE)
    picture = images.encode_png(images.grid(pictures, 0), colours=256)
    whose = gallery.names(run, "manifold_labels", 1)[0] if "manifold_labels" in run.figures else ""
    caption = (
        f"{len(pictures)} × {pictures.shape[1]} codes, evenly spaced in probability under the"
        " Gaussian that codes are drawn from, decoded; z[0] grows to the right, z[1] upwards."
    ) + (f" The decoder is told the class {whose}." if whose else "")
    width = pictures.shape[1] * pictures.shape[-2]
    one = Item("", picture, width * max(720 // width, 1), "decoded latent plane")
    return [Gallery("manifold", "whole", (one,), caption, picture)]


def arithmetic(run: Run) -> list[Block]:
    """Test images moved by the difference of two class means."""
    found = gallery.arrays(run, "class arithmetic", arithmetic=5)
    if found is None or isinstance(found, Missing):
        return [found] if found else []
    pictures = images.shrunk(found[0], gallery.LONGEST_SIDE)
    pictures = pictures[: gallery.affordable(_MOST_PIXELS["arithmetic"], pictures[0])]
    first, last = (
        gallery.names(run, "arithmetic_labels", len(pictures), column) for column in (0, 1)
    )
    labels = [f"{b} → {a}" for b, a in zip(first, last, strict=True)]
    steps = pictures.shape[1] - 2
    shares = ", ".join(f"{step / steps:.3g}" for step in range(1, steps + 1))
    caption = (
        "Outermost left: a test image. Set apart, its reconstruction and then z + t (mean code of"
        f" the other class − mean code of its own), decoded, for t = {shares}. Means are over the"
        " codes of test images; the networks have seen no label."
    )
    strips = [gallery.strip([row[:1], row[1:]]) for row in pictures]
    scale = gallery.upscale(pictures)
    return [gallery.rows("arithmetic", strips, scale, labels, caption, "class arithmetic, {}")]


def denoised(run: Run) -> list[Block]:
    """Clean, corrupted and denoised test images, a gallery for each kind of corruption."""
    found = gallery.arrays(run, "denoising", denoise=6)
    if found is None or isinstance(found, Missing):
        return [found] if found else []
    pictures = images.shrunk(found[0][:_MOST_KINDS], gallery.LONGEST_SIDE)
    row = pictures[0, :, :1]
    columns = gallery.affordable(_MOST_PIXELS["denoise"] // len(pictures), row)
    pictures = pictures[:, :, : min(columns, 10)]
    kinds = run.figures.get("denoise_names", np.zeros(0, str)).tolist()
    blocks: list[Block] = []
    for index, kind in enumerate(pictures):
        name = str(kinds[index]).replace("_", " ") if index < len(kinds) else f"kind {index + 1}"
        strips = [gallery.strip([line]) for line in kind]
        labels = ("clean", "corrupted", "denoised")[: len(strips)]
        scale, file = gallery.upscale(pictures), f"denoise_{index}"
        caption = f"Corruption: {name}. Denoised: the code of the corrupted image, decoded."
        blocks.append(gallery.rows(file, strips, scale, labels, caption, f"{{}} images, {name}"))
    return blocks


def anomalies(run: Run) -> list[Block]:
    """The test images that score highest and lowest as anomalies."""
    blocks: list[Block] = []
    for name, which in (("anomaly_most", "most"), ("anomaly_least", "least")):
        found = gallery.arrays(run, f"{which} anomalous images", **{name: 4})
        if found is None or isinstance(found, Missing):
            blocks += [found] if found else []
            continue
        pictures = images.shrunk(found[0][:_CELLS], gallery.LONGEST_SIDE)
        pictures = pictures[: gallery.affordable(_MOST_PIXELS["anomaly"] // 2, pictures[0])]
        names, scale = (
            gallery.names(run, f"{name}_labels", len(pictures)),
            gallery.upscale(pictures),
        )
        items = tuple(
            gallery.item(label, picture, scale, f"{label}, {which} anomalous")
            for label, picture in zip(names, pictures, strict=True)
        )
        caption = f"The {len(items)} {which} anomalous test images, with their classes."
        sheet = images.encode_png(images.grid(pictures[None], gallery.GAP, scale))
        blocks.append(Gallery(name, "cells", items, caption, sheet))
    return blocks
