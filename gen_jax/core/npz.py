"""NumPy's .npz from anywhere: no code of it is run, and nothing is read before its size is known.

A zip of a few kilobytes can unfold to any size, and the header of an array can claim any shape. So
both are held against `MOST_BYTES`, and against each other, before memory is taken.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

MOST_BYTES = 2**30
"""Of all arrays together, and of the file; VGG-16 whole has half as many."""
MOST_ARRAYS = 4096


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file, by name.

    Raises:
        ValueError: it is no .npz, damaged, over a limit, or holds more than plain arrays.
        OSError: it cannot be opened.
    """
    check_size(path)
    with path.open("rb") as file:
        return _read(file, MOST_BYTES)


def unpack(content: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """All arrays of a file's content, by name.

    Args:
        content: the file's bytes.
        most_bytes: a limit on what they unfold to; `MOST_BYTES` is one as well.

    Raises:
        ValueError: as `read`.
    """
    return _read(io.BytesIO(content), min(most_bytes, MOST_BYTES))


def check_size(path: Path) -> None:
    """Raises ValueError for a file of over `MOST_BYTES`."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has over {MOST_BYTES // 2**20} MiB")


def check_zip(archive: zipfile.ZipFile, most_bytes: int | None = None) -> None:
    """Raises ValueError for a zip with too many members, odd ones, or too large when unfolded.

    What it unfolds to is held against `most_bytes`; None is `MOST_BYTES`.
    """
    most_bytes = MOST_BYTES if most_bytes is None else most_bytes
    members = archive.infolist()
    if len(members) > MOST_ARRAYS:
        raise ValueError(f"it has {len(members)} members, over {MOST_ARRAYS}")
    # NumPy and PyTorch write no other kinds, and zipfile unfolds those in pieces of any size.
    if any(m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for m in members):
        raise ValueError("it is compressed in a way that no .npz is")
    if sum(member.file_size for member in members) > most_bytes:
        raise ValueError(f"it unfolds to over {most_bytes / 2**20:.4g} MiB")


def _read(file: IO[bytes], most_bytes: int) -> dict[str, np.ndarray]:
    try:
        return dict(_arrays(file, most_bytes))
    except Exception as error:  # a damaged file fails in the readers in every way there is
        line = " ".join(str(error).split())[:300]
        raise ValueError(line or type(error).__name__) from error


def _arrays(file: IO[bytes], most_bytes: int) -> Iterator[tuple[str, np.ndarray]]:
    if not zipfile.is_zipfile(file):
        raise ValueError("it is no .npz archive")
    with zipfile.ZipFile(file) as archive:
        check_zip(archive, most_bytes)
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise ValueError(f"its member {name[:80]!r} is no array")
            with archive.open(member) as content:
                _check_header(content, name, member.file_size)
            with archive.open(member) as content:
                array = np.lib.format.read_array(content, allow_pickle=False)
                content.read(1)  # past the last byte is where zipfile compares checksums
                if array.dtype.kind == "U":
                    array.tolist()  # or whoever first reads a number that is no letter would fail
                yield name, array


def _check_header(content: IO[bytes], name: str, size: int) -> None:
    """Raises ValueError unless a header claims the very bytes that follow it."""
    version = np.lib.format.read_magic(content)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(content)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(content)
    else:
        raise ValueError(f"its {name[:80]!r} is of format {version}")
    if dtype.hasobject:
        raise ValueError(f"its {name[:80]!r} holds Python objects")
    if dtype.fields is not None or dtype.subdtype is not None or not dtype.itemsize:
        raise ValueError(f"its {name[:80]!r} is of {dtype}, no plain array")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size - content.tell():
        raise ValueError(f"its {name[:80]!r} is not as large as it claims")
