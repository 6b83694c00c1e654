"""Data sets: where images come from, and how a config names them.

`load(config.data, "train")` returns a `Split`; `Batches` turns a split into batches that are a
function of (seed, step).
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from gen_jax.data.batches import Batches, num_steps
from gen_jax.data.image_folder import load as load_folder
from gen_jax.data.shapes import load as load_shapes
from gen_jax.data.spec import ArraySplit, DataSpec, Split
from gen_jax.data.tfds import load as load_tfds
from gen_jax.errors import UserError

__all__ = ["SOURCES", "ArraySplit", "Batches", "DataSpec", "Split", "load", "num_steps"]

# Every other name is a TFDS data set.
SOURCES: dict[str, Callable[[ConfigDict, str], Split]] = {
    "shapes": load_shapes,
    "folder": load_folder,
}


def load(config_data: ConfigDict, split: str) -> Split:
    """The split of a data set that a config's `data` section describes.

    Args:
        config_data: the section; all of its keys but `flip`, which `Batches` takes, are read
            here or by the source.
        split: "train" or "test".

    Raises:
        UserError: the data set cannot be found, read or made to fit; the line says what to do.
    """
    if split not in ("train", "test"):
        raise UserError(f"split must be 'train' or 'test', not {split!r}")
    return SOURCES.get(config_data.name, load_tfds)(config_data, split)
