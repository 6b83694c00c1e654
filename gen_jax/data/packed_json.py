"""packed.json: which files a packed data set consists of, and what they are of."""

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from gen_jax.core import npz, strict_json
from gen_jax.data.tfds_files import line_of
from gen_jax.errors import UserError

FILE = "packed.json"
FORMAT = 1
SPLITS = ("train", "test")
MOST_BYTES = 60 * 2**20
"""Of one .npz."""
HEADERS = 2**14
"""Bytes of an .npz that are not the arrays' own, at most."""
AGAIN = "pack it again (python -m gen_jax.data.pack)"


class File(NamedTuple):
    """One .npz: its number of images, its bytes and their SHA-256 (hex)."""

    images: int
    bytes: int
    sha256: str


class Packed(NamedTuple):
    """What packed.json says.

    Attributes:
        name: the data set, as the config names it.
        native: (height, width, channels) of its images before they were made to fit; None where
            they vary.
        shape: (height, width, channels) of the images here.
        label: the ClassLabel that is the class; None if all images are of one.
        labels: all ClassLabels there are.
        class_names, factors: as in a DataSpec.
        sizes: how many images each split has in all.
        files: the files of each split, in order.
    """

    name: str
    native: tuple[int | None, ...]
    shape: tuple[int, int, int]
    label: str | None
    labels: tuple[str, ...]
    class_names: tuple[str, ...]
    factors: tuple[tuple[str, int], ...]
    sizes: dict[str, int]
    files: dict[str, tuple[File, ...]]

    def unfolded(self, images: int) -> int:
        """Bytes of the arrays of so many images."""
        return images * (math.prod(self.shape) + 4 * (1 + len(self.factors)))


def file_name(split: str, number: int) -> str:
    """What a split's file is called: no name in packed.json is ever opened."""
    return f"{split}_{number:03}.npz"


def read(folder: Path) -> Packed:
    """What a folder's packed.json says.

    Raises:
        UserError: it cannot be read, is of another format, or contradicts itself.
    """
    path = folder / FILE
    try:
        check_contained(path)
        content = strict_json.read(path)
        if content["format"] != FORMAT:
            raise ValueError(f"it is of format {content['format']!r}, not {FORMAT}")
        return _parsed(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else line_of(error)
        raise UserError(f"{path} cannot be used: {reason}; copy it or {AGAIN}") from error


def check_contained(path: Path) -> None:
    """Raises ValueError for a link that leads out of its folder."""
    if Path(os.path.realpath(path)).parent != Path(os.path.realpath(path.parent)):
        raise ValueError("it is a link that leads out of its folder")


def to_json(packed: Packed) -> dict[str, Any]:
    """packed.json's content."""
    listed = {
        split: [
            {"name": file_name(split, number), **file._asdict()}
            for number, file in enumerate(files)
        ]
        for split, files in packed.files.items()
    }
    splits = {split: {"of": packed.sizes[split], "files": listed[split]} for split in SPLITS}
    told = {key: value for key, value in packed._asdict().items() if key not in ("sizes", "files")}
    return {"format": FORMAT, **told, "splits": splits}


def _parsed(content: Any) -> Packed:
    """packed.json's content; raises whatever wrong content makes Python raise, or ValueError."""
    splits = {split: content["splits"][split] for split in SPLITS}
    height, width, channels = content["shape"]
    packed = Packed(
        name=_text(content["name"]),
        native=tuple(None if side is None else _count(side) for side in content["native"]),
        shape=(_count(height), _count(width), _count(channels)),
        label=None if content["label"] is None else _text(content["label"]),
        labels=tuple(map(_text, content["labels"])),
        class_names=tuple(map(_text, content["class_names"])),
        factors=tuple((_text(name), _count(count)) for name, count in content["factors"]),
        sizes={split: _count(told["of"]) for split, told in splits.items()},
        files={
            split: tuple(_file(split, *numbered) for numbered in enumerate(told["files"]))
            for split, told in splits.items()
        },
    )
    if len(packed.native) != 3 or channels not in (1, 3):
        raise ValueError("its shapes are no images'")
    if packed.label not in (None, *packed.labels) or not packed.class_names:
        raise ValueError("its classes are of no label")
    for split, files in packed.files.items():
        if not 0 < sum(file.images for file in files) <= packed.sizes[split]:
            raise ValueError(f"its {split} files do not add up")
        if any(packed.unfolded(file.images) > npz.MOST_BYTES - HEADERS for file in files):
            raise ValueError(f"a {split} file is over {npz.MOST_BYTES // 2**20} MiB unfolded")
    return packed


def _file(split: str, number: int, told: Any) -> File:
    file = File(_count(told["images"]), _count(told["bytes"]), _text(told["sha256"]))
    if told["name"] != file_name(split, number) or file.bytes > MOST_BYTES:
        raise ValueError(f"its {split} file {number} has another name, or too many bytes")
    return file


def _count(value: Any) -> int:
    if not strict_json.is_int(value) or value < 1:
        raise ValueError(f"{str(value)[:80]!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:80]!r} is no name")
    value.encode()  # or what prints it would fail at half a surrogate pair
    return value
