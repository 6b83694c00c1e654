"""TFDS data sets packed into a few array files, read where there is neither TFDS nor a network.

    DIR/NAME/packed.json     DIR/NAME/train_000.npz ...     DIR/NAME/test_000.npz ...

DIR is where TFDS would look for NAME. A packed split is the one that TFDS's reader gives, to the
bit, so a run may go on with either. Each .npz holds `image` uint8 [n, H, W, C], `label` int32 [n]
and `factors` int32 [n, F]; packed.json says what they are of, their sizes and their SHA-256. It is
written last, by `gen_jax.data.pack`: files without it are none.
"""

import hashlib
import os
import re
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from gen_jax.core import npz
from gen_jax.core.files import expanded
from gen_jax.data import packed_json, tfds, tfds_files
from gen_jax.data.packed_json import AGAIN, FILE, HEADERS, Packed, file_name
from gen_jax.data.spec import ArraySplit, DataSpec, Split, check_labels, check_section, image_shape
from gen_jax.data.stream import check_fits
from gen_jax.data.tfds_features import chosen_label
from gen_jax.errors import UserError

ARRAYS = ("image", "label", "factors")


def place(directory: str | os.PathLike[str] | None, name: str) -> Path:
    """The folder of a packed data set in a directory; None is where TFDS keeps its own."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]", "_", name)
    return expanded(directory or tfds_files.HOME) / (re.sub(r"^\.", "_", safe) or "_")


def load(config: ConfigDict, split: str, others: tuple[str, ...] = ()) -> Split:
    """A split of a TFDS data set: packed if it is there packed, else as `tfds.load` reads it.

    Args:
        config: the `data` section, as for `tfds.load`; `stream` and `cache` mean nothing to what
            is packed, which is read into memory whole.
        split: "train" or "test".
        others: names that are not TFDS's, to offer where a name is unknown.

    Raises:
        UserError: it was packed for other images than the config asks for, is damaged, or does not
            fit in memory; or as `tfds.load`.
    """
    folder = place(tfds_files.directory(config), config.name)
    if not os.path.isfile(folder / FILE):
        return tfds.load(config, split, others)
    packed = packed_json.read(folder)
    counts = {key: _wanted(config, packed, key, folder) for key in dict.fromkeys(("train", split))}
    names = packed.class_names
    spec = DataSpec(config.name, packed.shape, len(names), names, counts["train"], packed.factors)
    return _split(spec, packed, split, counts[split], folder)


def content(packed: Packed, split: str, number: int, folder: Path) -> bytes:
    """The bytes of one file.

    Raises:
        UserError: it is missing, or not the one that packed.json tells of.
    """
    told = packed.files[split][number]
    path = folder / file_name(split, number)
    try:
        packed_json.check_contained(path)
        if not path.is_file():
            raise ValueError("it is missing")
        with path.open("rb") as file:
            found = file.read(told.bytes + 1)
        if len(found) != told.bytes or hashlib.sha256(found).hexdigest() != told.sha256:
            raise ValueError(f"it is not the file that {FILE} tells of")
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return found


def arrays(packed: Packed, split: str, number: int, folder: Path) -> dict[str, np.ndarray]:
    """The arrays of one file.

    Raises:
        UserError: as `content`, or they are not what packed.json says.
    """
    told = packed.files[split][number]
    path = folder / file_name(split, number)
    try:
        found = npz.unpack(
            content(packed, split, number, folder), packed.unfolded(told.images) + HEADERS
        )
        layout = {
            "image": ("uint8", (told.images, *packed.shape)),
            "label": ("int32", (told.images,)),
            "factors": ("int32", (told.images, len(packed.factors))),
        }
        claimed = {name: (array.dtype.name, array.shape) for name, array in found.items()}
        if claimed != layout:
            raise ValueError(f"its arrays are {str(claimed)[:200]}, not {layout}")
    except ValueError as error:
        raise _damaged(path, error) from error
    check_values(packed, found, str(path))
    return found


def check_values(packed: Packed, values: dict[str, np.ndarray], where: str) -> None:
    """Raises UserError for a label or a factor that is none of its values."""
    check_labels(values["label"], packed.class_names, where)
    most = np.array([count for _, count in packed.factors], np.int64)
    if ((values["factors"] < 0) | (values["factors"] >= most)).any():
        raise UserError(f"{where}: a factor has a value that is none of its own")


def _wanted(config: ConfigDict, packed: Packed, split: str, folder: Path) -> int:
    """How many images of a split a config asks for; UserError if it asks for what is not there."""
    if packed.name != config.name:
        raise UserError(f"{folder / FILE} is of {packed.name!r}, not {config.name!r}; {AGAIN}")
    label = chosen_label(config, packed.labels)
    if label != packed.label:
        raise UserError(
            f"{folder} was packed with data.label={packed.label or ''!r}, not {config.label!r}; "
            f"{AGAIN}"
        )
    check_section(config, len(packed.class_names), config.name)
    if (shape := image_shape(config, packed.native)) != packed.shape:
        was, asked = (" x ".join(map(str, sizes)) for sizes in (packed.shape, shape))
        raise UserError(f"{folder} was packed as images of {was}, not {asked}; {AGAIN}")
    there = sum(file.images for file in packed.files[split])
    wanted = min(config[f"num_{split}"] or packed.sizes[split], packed.sizes[split])
    if wanted > there:
        raise UserError(
            f"{folder} holds {there} {split} images, not {wanted}: pass "
            f"--config.data.num_{split}={there}, or {AGAIN}"
        )
    return wanted


def _split(spec: DataSpec, packed: Packed, split: str, count: int, folder: Path) -> ArraySplit:
    """The first images of a split."""
    check_fits(str(folder), packed.unfolded(count), f"pack fewer or smaller ones: {AGAIN}")
    whole: dict[str, np.ndarray] = {
        "image": np.empty((count, *spec.shape), np.uint8),
        "label": np.empty(count, np.int32),
        "factors": np.empty((count, len(spec.factors)), np.int32),
    }
    start = 0
    for number, file in enumerate(packed.files[split]):
        if start < count:
            for name, array in arrays(packed, split, number, folder).items():
                whole[name][start : start + file.images] = array[: count - start]
            start += file.images
    return ArraySplit(spec, *(whole[name] for name in ARRAYS))


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: {tfds_files.line_of(error)}; copy it or {AGAIN}")
