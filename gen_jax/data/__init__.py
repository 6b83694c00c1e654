"""Data sets: where images come from, and how a config names them.

`load(config.data, "train")` returns a `Split`; `Batches` turns a split into batches that are a
function of (seed, step).
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data.batches import Batches, num_steps
from gen_jax.data.classes import Subset, class_indices, scarce_counts, without_surplus
from gen_jax.data.image_folder import load as load_folder
from gen_jax.data.packed import load as load_named
from gen_jax.data.points import MIXTURES
from gen_jax.data.points import loader as points_loader
from gen_jax.data.shapes import load as load_shapes
from gen_jax.data.spec import ArraySplit, DataSpec, Split
from gen_jax.data.stacked_mnist import load as load_stacked_mnist
from gen_jax.errors import UserError

__all__ = [
    "SOURCES",
    "ArraySplit",
    "Batches",
    "DataSpec",
    "Split",
    "class_indices",
    "load",
    "num_steps",
]

# Every other name is a TFDS data set, packed or not.
SOURCES: dict[str, Callable[[ConfigDict, str], Split]] = {
    "shapes": load_shapes,
    "folder": load_folder,
    "stacked_mnist": load_stacked_mnist,
    **{name: points_loader(name) for name in MIXTURES},
}


def load(config_data: ConfigDict, split: str) -> Split:
    """The split of a data set that a config's `data` section describes.

    With `train_classes` the train split keeps the images of those classes (of the first
    `num_train`), under their own labels, with `scarce` the first so many of some of them; the test
    split keeps all of its own.

    Args:
        config_data: the section; all of its keys but `flip`, which is for `Batches` and which
            points refuse, are read here or by the source.
        split: "train" or "test".

    Raises:
        UserError: the data set cannot be found, read or made to fit, or has no training images of
            those classes, or `scarce` is wrong; the line says what to do.
    """
    if split not in ("train", "test"):
        raise UserError(f"split must be 'train' or 'test', not {split!r}")
    if config_data.get("keep") and config_data.name != "shapes":
        raise UserError(
            f"data.keep={config_data.keep!r} chooses among the factors of data.name='shapes', "
            f"not {config_data.name!r}; pass --config.data.keep="
        )
    source = SOURCES.get(config_data.name, partial(load_named, others=tuple(SOURCES)))
    loaded = source(config_data, split)
    chosen, scarce = config_data.get("train_classes", ()), config_data.get("scarce", "")
    if not chosen and not scarce:
        return loaded
    # The test split's spec counts training images too: their labels, without their pixels.
    train = loaded if split == "train" else source(_streamed(config_data), "train")
    kept = _kept(train, chosen, scarce)
    if not len(kept):
        names = ", ".join(map(str, chosen))
        raise UserError(
            f"{config_data.name} has no training images of data.train_classes ({names}): "
            "take others, or a larger --config.data.num_train"
        )
    positions = kept if split == "train" else np.arange(len(loaded))
    return Subset(loaded.spec._replace(num_examples=len(kept)), loaded, positions)


def _kept(train: Split, chosen: Sequence[str | int], scarce: str) -> np.ndarray:
    """Positions of the training images of these classes, the first so many of scarce ones."""
    names = train.spec.class_names
    classes = class_indices(chosen, names) if chosen else np.arange(len(names))
    counts = scarce_counts(scarce, names)
    absent = [names[label] for label in counts if label not in classes]
    if absent:
        raise UserError(f"data.scarce: {absent[0]!r} is not among data.train_classes")
    kept = without_surplus(train.labels, counts)
    return kept[np.isin(train.labels[kept], classes)]


def _streamed(config_data: ConfigDict) -> ConfigDict:
    return ConfigDict(config_data.to_dict() | {"stream": True})
