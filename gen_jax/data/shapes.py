"""The embedded data set `shapes`: ten little things under coloured skies, made from an index.

Nothing is downloaded or drawn from a random stream: image i of a split is a pure function of
(split, i), with known generative factors, which makes it the offline default, the test data and
the ground truth of disentanglement metrics.
"""

from math import prod

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data.shapes_render import COLOURS, FACTORS, SHAPES, render
from gen_jax.data.spec import ArraySplit, DataSpec, Split
from gen_jax.data.stream import STREAM, check_fits
from gen_jax.errors import UserError, nearest

__all__ = [
    "COLOURS",
    "FACTORS",
    "SHAPES",
    "ShapesSplit",
    "class_names",
    "labels_of",
    "load",
    "render",
    "sample_factors",
]

NUM_TRAIN = 20_000  # images where the config says 0
NUM_TEST = 4_000
IMAGE_SIZE = 32

NUM_COMBINATIONS = prod(FACTORS.values())
MAX_IMAGES = NUM_COMBINATIONS // 2  # of one split
SPLITS = ("train", "test")
BLOCK = 100_000  # factor rows looked through at a time

# A shuffle of 0 .. 2**BITS - 1 by steps that each can be undone: xor with the own high bits, and
# multiplication by an odd number modulo 2**BITS.
BITS = (NUM_COMBINATIONS - 1).bit_length()
ODD_MULTIPLIERS = (0x2C1B3C6D, 0x297A2D39, 0x5BD1E995, 0x1B873593)


def _shuffle(position: np.ndarray) -> np.ndarray:
    """A fixed permutation of 0 .. NUM_COMBINATIONS - 1 that looks random; uint64 [n]."""
    out = position.copy()
    pending = np.arange(len(out))
    while len(pending):
        value = out[pending]
        for multiplier in ODD_MULTIPLIERS:
            value ^= value >> np.uint64(BITS // 2)
            value = (value * np.uint64(multiplier)) & np.uint64(2**BITS - 1)
        value ^= value >> np.uint64(BITS // 2)
        out[pending] = value
        # A value past the end walks on along its cycle, which leads back inside: still one to one.
        pending = pending[value >= NUM_COMBINATIONS]
    return out


def sample_factors(split: str, indices: np.ndarray) -> np.ndarray:
    """The generative factors of images of a split.

    A split takes every second place in one shuffled list of all factor combinations: factors
    are uniform and independent, no combination occurs twice, and none is in both splits.

    Args:
        split: "train" or "test".
        indices: integers [n] in 0 .. MAX_IMAGES - 1.

    Returns:
        int32 [n, 7], factor indices in the order of FACTORS.

    Raises:
        ValueError: no such split.
        IndexError: an index out of range.
    """
    indices = np.asarray(indices)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, not {split!r}")
    if ((indices < 0) | (indices >= MAX_IMAGES)).any():
        raise IndexError(f"shapes has images 0 .. {MAX_IMAGES - 1} in each split")
    place = indices.astype(np.uint64) * np.uint64(2) + np.uint64(SPLITS.index(split))
    digits = np.unravel_index(_shuffle(place).astype(np.int64), tuple(FACTORS.values()))
    return np.stack(digits, axis=1).astype(np.int32)


def labels_of(factors: np.ndarray, num_classes: int = 10) -> np.ndarray:
    """Class of each factor row: the shape, times one of num_classes / 10 groups of colours.

    Args:
        factors: integers [n, 7].
        num_classes: 10, 20, ..., 100.

    Returns:
        int32 [n]: shape * groups + group, where neighbouring colours form a group.
    """
    groups = num_classes // len(SHAPES)
    group = factors[:, 1] * groups // len(COLOURS)
    return (factors[:, 0] * groups + group).astype(np.int32)


def class_names(num_classes: int = 10, channels: int = 3) -> tuple[str, ...]:
    """Names such as "arrow", "red arrow", "red-lime arrow" or, in grey pictures, "grey-0 arrow".

    Raises:
        UserError: num_classes is not a multiple of 10 from 10 to 100.
    """
    if num_classes % len(SHAPES) or not 10 <= num_classes <= len(SHAPES) * len(COLOURS):
        raise UserError(
            f"shapes cannot have data.num_classes={num_classes}: take 10 (the shapes) "
            "or 20, 30, ... 100 (shapes times groups of colours)"
        )
    groups = num_classes // len(SHAPES)
    if groups == 1:
        return SHAPES
    if channels == 1:
        prefixes = [f"grey-{group}" for group in range(groups)]
    else:
        of_group: list[list[str]] = [[] for _ in range(groups)]
        for i, colour in enumerate(COLOURS):
            of_group[i * groups // len(COLOURS)].append(colour)
        prefixes = ["-".join(dict.fromkeys((g[0], g[-1]))) for g in of_group]
    return tuple(f"{prefix} {shape}" for shape in SHAPES for prefix in prefixes)


class ShapesSplit:
    """A split whose pictures are drawn when they are asked for.

    Attributes:
        spec: the data set's DataSpec; its factors are those that vary.
        labels: int32 [N].
    """

    def __init__(self, spec: DataSpec, drawn: np.ndarray):
        """Pictures of the factor rows `drawn`, integers [N, 7], in the shape of the spec."""
        self.spec = spec
        self._drawn = drawn
        varying = dict(spec.factors)
        self._varying = [i for i, name in enumerate(FACTORS) if name in varying]
        self.labels = labels_of(drawn, spec.num_classes)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Generative factors int32 [n, F] of the images at `indices`, as in `spec.factors`."""
        return self._drawn[indices][:, self._varying]

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Draws "image" uint8 [n, H, W, C]; adds "label" int32 [n] and "factors" int32 [n, F]."""
        size, _, channels = self.spec.shape
        return {
            "image": render(self._drawn[indices], size, channels),
            "label": self.labels[indices],
            "factors": self.factors(indices),
        }


def values_kept(text: str) -> dict[str, list[int]]:
    """Factor indices by name, of a line such as "shape=heart, size=0|3|5".

    Shapes and colours go by name or number, the others by number.

    Raises:
        UserError: no such factor or value; the line names those there are.
    """
    kept: dict[str, list[int]] = {}
    names = {"shape": SHAPES, "colour": COLOURS}
    for part in filter(None, (part.strip() for part in text.split(","))):
        factor, _, values = (piece.strip() for piece in part.partition("="))
        if factor not in FACTORS:
            raise UserError(f"data.keep: no factor {factor!r}; {nearest(factor, tuple(FACTORS))}")
        known = {str(i): i for i in range(FACTORS[factor])}
        known |= {name: i for i, name in enumerate(names.get(factor, ()))}
        for value in (value.strip() for value in values.split("|")):
            if value not in known:
                raise UserError(
                    f"data.keep: {factor} has no value {value!r}; it is one of "
                    f"{', '.join(names.get(factor, ())) or f'0 to {FACTORS[factor] - 1}'}"
                )
            kept.setdefault(factor, []).append(known[value])
    return {factor: sorted(set(values)) for factor, values in kept.items()}


def rows_keeping(split: str, kept: dict[str, list[int]], count: int) -> np.ndarray:
    """The first `count` factor rows of a split with such values: int32 [n, 7], n <= count."""
    if not kept:
        return sample_factors(split, np.arange(count))
    names, parts, found = list(FACTORS), [], 0
    for start in range(0, MAX_IMAGES, BLOCK):
        rows = sample_factors(split, np.arange(start, min(start + BLOCK, MAX_IMAGES)))
        fits = [np.isin(rows[:, names.index(name)], values) for name, values in kept.items()]
        parts.append(rows[np.all(fits, axis=0)])
        found += len(parts[-1])
        if found >= count:
            break
    return np.concatenate(parts)[:count]


def load(config_data: ConfigDict, split: str) -> Split:
    """The "train" or "test" split that a config's `data` section describes.

    Args:
        config_data: reads image_size (0 is 32), channels (0 is 3), num_classes (0 is 10),
            num_train (0 is 20,000), num_test (0 is 4,000), keep (values of factors) and
            stream.
        split: "train" or "test".

    Raises:
        UserError: a value that shapes cannot have; the line names those it can.
    """
    image_size = config_data.image_size or IMAGE_SIZE
    channels = config_data.channels or 3
    num_classes = config_data.num_classes or len(SHAPES)
    sizes = {"train": config_data.num_train or NUM_TRAIN, "test": config_data.num_test or NUM_TEST}
    if image_size < 8:
        raise UserError(f"shapes needs data.image_size of at least 8, not {image_size}")
    if channels not in (1, 3):
        raise UserError(f"shapes needs data.channels=1 (grey) or 3 (colour), not {channels}")
    for name, size in sizes.items():
        if not 1 <= size <= MAX_IMAGES:
            raise UserError(f"shapes needs 1 <= data.num_{name} <= {MAX_IMAGES}, not {size}")
    keep = config_data.get("keep", "")
    kept = values_kept(keep)
    rows = {name: rows_keeping(name, kept, size) for name, size in sizes.items()}
    for name, found in rows.items():
        if not len(found):
            raise UserError(f"data.keep={keep!r} leaves no image to {name}")
    values = {name: len(kept.get(name, range(size))) for name, size in FACTORS.items()}
    spec = DataSpec(
        name="shapes",
        shape=(image_size, image_size, channels),
        num_classes=num_classes,
        class_names=class_names(num_classes, channels),
        num_examples=len(rows["train"]),
        factors=tuple((name, count) for name, count in values.items() if count > 1),
    )
    drawn = ShapesSplit(spec, rows[split])
    if config_data.stream:
        return drawn
    check_fits("shapes", len(drawn) * prod(spec.shape), STREAM)
    every = drawn.gather(np.arange(len(drawn)))
    return ArraySplit(spec, every["image"], every["label"], every["factors"])
