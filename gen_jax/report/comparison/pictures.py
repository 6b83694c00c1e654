"""Pictures of several models side by side: samples, reconstructions, paths through latent space.

They are of each model's first seed. What a model has no picture of, a line says why.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gen_jax.report import gallery, images, points
from gen_jax.report.comparison.models import Model
from gen_jax.report.document import Block, Gallery, Item, Missing
from gen_jax.report.pictures import WITHOUT_ENCODER, between
from gen_jax.report.workdir import Run

# Bounds of all models together, in pixels: 3 bytes each in the page if they hardly compress.
_MOST_PIXELS = {"samples": 500_000, "reconstructions": 160_000, "paths": 250_000}
_GRID = 8
_IMAGES = 10
_PATHS = 3
_SHOWN: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("samples", "class_grid"), (_GRID, _GRID)),
    **dict.fromkeys(("reconstruction_input", "reconstruction_output"), (_IMAGES,)),
    **dict.fromkeys(("interpolation", "interpolation_ends", "walk"), (_PATHS,)),
    **dict.fromkeys(("points_modes", "points_samples"), ()),
}
"""The arrays that are drawn here, and at most how much of each axis."""


def shown(figures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What of a run's figures.npz is drawn here, and no more."""
    return {
        name: figures[name][tuple(slice(most) for most in parts[: figures[name].ndim])]
        for name, parts in _SHOWN.items()
        if name in figures
    }


def samples(models: Sequence[Model]) -> list[Block]:
    """A grid of prior samples of each model; of points in the plane a cloud."""
    items: list[Item] = []
    notes: list[Block] = []
    budget = _MOST_PIXELS["samples"] // len(models)
    for model in models:
        picture = _grid(model, budget)
        if isinstance(picture, Missing):
            notes.append(picture)
        else:
            about = f"samples of {model.label}"
            items.append(Item(model.label, images.encode_png(picture), picture.shape[1], about))
    by_class = [model.label for model in models if "class_grid" in model.members[0].run.figures]
    rows = f" A row is a class in those of {', '.join(by_class)}." if by_class else ""
    caption = f"Samples from the prior.{rows}{_whose(models)}"
    return [*([Gallery("samples", "sheets", tuple(items), caption)] if items else []), *notes]


def reconstructions(models: Sequence[Model]) -> list[Block]:
    """Test images, and below them what each model makes of the same ones."""
    notes: list[Block] = []
    groups: list[tuple[np.ndarray, list[Model], list[np.ndarray]]] = []
    for model in models:
        found = _arrays(model, "reconstructions", reconstruction_input=4, reconstruction_output=4)
        if isinstance(found, Missing):
            notes.append(found)
            continue
        originals, ours = found
        group = next((g for g in groups if np.array_equal(g[0], originals)), None)
        if group is None:
            group = (originals, [], [])
            groups.append(group)
        group[1].append(model)
        group[2].append(ours)
    blocks: list[Block] = []
    for number, (originals, owners, made) in enumerate(groups):
        lines = [images.shrunk(line[:_IMAGES], gallery.LONGEST_SIDE) for line in (originals, *made)]
        affordable = gallery.affordable(
            _MOST_PIXELS["reconstructions"], np.concatenate([line[:1] for line in lines])
        )
        count = min(affordable, *map(len, lines))
        strips = [gallery.strip([line[:count]]) for line in lines]
        labels = ["test images", *(model.label for model in owners)]
        caption = f"{count} test images, and what each model makes of them.{_whose(owners)}"
        scale = gallery.upscale(lines[0])
        name = f"reconstructions_{number}"
        blocks.append(gallery.rows(name, strips, scale, labels, caption, "{}, one a column"))
    return [*blocks, *notes]


def paths(models: Sequence[Model]) -> list[Block]:
    """Straight lines from one test image's code to another's, or between draws of the prior."""
    notes: list[Block] = []
    between_images, walks = [], []
    for model in models:
        figures = model.members[0].run.figures
        if "interpolation" not in figures and "walk" in figures:
            found = _arrays(model, "latent walks", walk=5)
        else:
            found = _arrays(model, "latent interpolations", interpolation=5, interpolation_ends=5)
        if isinstance(found, Missing):
            notes.append(found)
            continue
        parts = [images.shrunk(part[:_PATHS], gallery.LONGEST_SIDE) for part in found]
        for index in range(min(map(len, parts))):
            if len(parts) == 1:
                walks.append((index, model, gallery.strip([parts[0][index]])))
            else:
                path, ends = (part[index] for part in parts)
                between_images.append((index, model, between(ends, [path])))
    ends = "Outermost: the two test images. Between them: images decoded along the straight line."
    draws = "Samples along the straight line from one draw of the prior to another."
    return [
        *_rows("interpolations", between_images, ends),
        *_rows("walks", walks, draws),
        *notes,
    ]


def _rows(name: str, found: Sequence[tuple[int, Model, np.ndarray]], caption: str) -> list[Block]:
    """The first paths of all models, then the second ones; a gallery for each size of picture."""
    sizes: dict[tuple[int, ...], list[tuple[int, Model, np.ndarray]]] = {}
    for entry in sorted(found, key=lambda entry: entry[0]):
        sizes.setdefault(entry[2].shape, []).append(entry)
    blocks: list[Block] = []
    for number, entries in enumerate(sizes.values()):
        owners = list({model.label: model for _, model, _ in entries}.values())
        each = max(gallery.affordable(_MOST_PIXELS["paths"], entries[0][2]) // len(owners), 1)
        entries = [entry for entry in entries if entry[0] < each]
        labels = [model.label for _, model, _ in entries]
        strips = [strip for _, _, strip in entries]
        scale = max(gallery.LONGEST_SIDE // strips[0].shape[0], 1)
        about = "path through the latent space of {}"
        file = f"{name}_{number}"
        whose = _whose(owners)
        blocks.append(gallery.rows(file, strips, scale, labels, caption + whose, about))
    return blocks


def _whose(models: Sequence[Model]) -> str:
    """Of which seeds pictures are, where models have several."""
    first = [model.members[0].seed for model in models if len(model.members) > 1]
    named = ", ".join(str(seed) for seed in dict.fromkeys(first))
    return f" Models with several seeds are shown by seed {named}." if first else ""


def _grid(model: Model, budget: int) -> np.ndarray | Missing:
    """Samples as one picture, uint8 [H, W, C]."""
    run = model.members[0].run
    modes = gallery.numbers(run, "points_modes", rank=2)
    cloud = gallery.numbers(run, "points_samples", rank=2)
    if modes is not None and cloud is not None:
        return points.picture(cloud, modes)
    name = "samples" if "samples" in run.figures else "class_grid"
    found = _arrays(model, "samples", **{name: 5})
    if isinstance(found, Missing):
        return found
    shown = images.shrunk(found[0][:_GRID, :_GRID], gallery.LONGEST_SIDE)
    shown = shown[: gallery.affordable(budget, shown[0])]
    return images.grid(images.with_alpha(shown), gallery.GAP, fill=0)


def _arrays(model: Model, what: str, **ranks: int) -> tuple[np.ndarray, ...] | Missing:
    run = model.members[0].run
    named = f"{what} of {model.label}"
    return gallery.arrays(run, named, **ranks) or Missing(f"No {named}: {_why(run, what)}.")


def _why(run: Run, what: str) -> str:
    family = run.settings.get("family")
    if family == "classifier":
        return "a classifier generates nothing"
    if family in WITHOUT_ENCODER and what != "samples":
        return f"family {family} has no encoder"
    if not run.figures:
        return "evals/figures.npz is not there or cannot be read; run --mode=evaluate"
    return "evals/figures.npz holds none"
