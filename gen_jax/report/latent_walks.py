"""Galleries of a latent space without an encoder: walks, arithmetic, codes, inversions."""

import numpy as np

from gen_jax.report import gallery, images, pictures
from gen_jax.report.document import Block, Gallery, Missing
from gen_jax.report.tables import number
from gen_jax.report.workdir import Run

_MOST_PIXELS = {"walk": 140_000, "sample_arithmetic": 40_000, "codes": 90_000}


def walks(run: Run) -> list[Block]:
    """Decoded paths between two draws of the prior."""
    found = gallery.arrays(run, "latent walks", walk=5)
    if found is None or isinstance(found, Missing):
        return [found] if found else []
    straight = found[0]
    paths = [straight]
    curved = run.figures.get("walk_spherical")
    if curved is not None and curved.shape == straight.shape and curved.dtype == np.uint8:
        paths.append(curved)
    paths = [images.shrunk(path, gallery.LONGEST_SIDE) for path in paths]
    row = np.concatenate([path[0] for path in paths])
    count = min(len(straight), gallery.affordable(_MOST_PIXELS["walk"], row))
    rows = [pictures.stacked([gallery.strip([path[i]]) for path in paths]) for i in range(count)]
    caption = (
        f"{straight.shape[1]} samples along the path from one draw of the prior, outermost left, to"
        " another, outermost right."
    )
    if len(paths) > 1:
        caption += " Above: the straight line. Below: the great circle (slerp)."
    if "walk_labels" in run.figures:
        caption += " The class given to the generator is beside them."
    labels, scale = gallery.names(run, "walk_labels", count), gallery.upscale(paths[0])
    about = "walk through the latent space, {}"
    return [gallery.rows("walks", rows, scale, labels, caption, about)]


def vector_arithmetic(run: Run) -> list[Block]:
    """Samples moved by the difference of two classes' mean z."""
    found = gallery.arrays(run, "vector arithmetic", sample_arithmetic=5)
    if found is None or isinstance(found, Missing):
        return [found] if found else []
    shown = images.shrunk(found[0], gallery.LONGEST_SIDE)
    shown = shown[: gallery.affordable(_MOST_PIXELS["sample_arithmetic"], shown[0])]
    first, last = (
        gallery.names(run, "sample_arithmetic_labels", len(shown), column) for column in (0, 1)
    )
    labels = [f"{b} → {a}" for b, a in zip(first, last, strict=True)]
    steps = max(shown.shape[1] - 1, 1)
    shares = ", ".join(f"{step / steps:.3g}" for step in range(1, steps + 1))
    caption = (
        "Outermost left: a sample, decoded from z. Set apart: z + t (mean z of the other class −"
        f" mean z of its own), decoded, for t = {shares}. Classes are those that the classifier"
        " sees in the samples; the generator knows of none."
    )
    success = gallery.numbers(run, "sample_arithmetic_success", rank=1, least=len(shown))
    if success is not None:
        labels = [f"{label} · {s:.0%}" for label, s in zip(labels, success, strict=False)]
        caption += (
            " Beside them: the share of samples of the one class in which, so moved with t = 1, it"
            f" sees the other; {float(success.mean()):.0%} on average."
        )
    strips = [gallery.strip([row[:1], row[1:]] if len(row) > 1 else [row]) for row in shown]
    scale, about = gallery.upscale(shown), "vector arithmetic, {}"
    return [gallery.rows("vector_arithmetic", strips, scale, labels, caption, about)]


def codes(run: Run) -> list[Block]:
    """InfoGAN's codes: the categorical one a value a column, a continuous one a row."""
    blocks: list[Block] = []
    columns = "categorical", "continuous"
    values = gallery.numbers(run, "codes_values", rank=1)
    span = "" if values is None else f", from {number(values[0])} to {number(values[-1])}"
    captions = (
        "A value of the categorical code a column, the rest of z another draw of the prior in every"
        " row.",
        f"A continuous code a row, set to ascending values{span} (trained on −1 to 1), the rest of"
        " z the same draw everywhere.",
    )
    for kind, caption in zip(columns, captions, strict=True):
        found = gallery.arrays(run, f"{kind} codes", **{f"codes_{kind}": 5})
        if found is None or isinstance(found, Missing):
            blocks += [found] if found else []
            continue
        shown = images.shrunk(found[0], gallery.LONGEST_SIDE)
        shown = shown[: gallery.affordable(_MOST_PIXELS["codes"], shown[0])]
        word = "draw" if kind == "categorical" else "code"
        labels = [f"{word} {row + 1}" for row in range(len(shown))]
        strips, scale = [gallery.strip([row]) for row in shown], gallery.upscale(shown)
        about = f"{kind} codes, {{}}"
        blocks.append(gallery.rows(f"codes_{kind}", strips, scale, labels, caption, about))
    return blocks


def inversions(run: Run) -> Gallery | Missing | None:
    """Test images above the nearest pictures of the generator that were found."""
    caption = (
        "Above: test image. Below: the nearest picture that gradient descent on z found the"
        " generator to make. The label is the image's class."
    )
    below = "nearest generated"
    return pictures.paired(run, "inversions", "inversion", below, caption)
