"""Decoded images, kept in the user's cache folder by what they were decoded from.

Decoding CIFAR-100 takes longer than compiling what trains on it. A file of the cache is named by
the SHA-256 of the data set's files, of what was asked of them and of the code that decodes them:
change any, and it is decoded again. A file that is damaged is decoded again as well.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.features

from gen_jax.core import kept, machine, npz
from gen_jax.core.files import expanded
from gen_jax.data.spec import ArraySplit
from gen_jax.data.stream import StreamSplit

FEWEST = 2000
"""Images below which decoding takes no longer than looking."""
ARRAYS = ("image", "label", "factors")
CODE = ("tfds", "tfds_features", "image_folder", "stream", "spec")


def in_memory(
    stream: StreamSplit, files: Sequence[Path], asked: Mapping[str, Any], cache: str | None
) -> ArraySplit:
    """The images of a split, decoded now or earlier.

    Args:
      stream: the split.
      files: what it is decoded from.
      asked: what else its images depend on, as JSON has it.
      cache: the folder of the cache; None for the user's own, "" for none.

    Raises:
      UserError: as `StreamSplit.in_memory`.
    """
    size = len(stream) * int(np.prod(stream.spec.shape, dtype=np.int64))
    if cache == "" or len(stream) < FEWEST or size > npz.MOST_BYTES // 2:
        return stream.in_memory()
    folder = machine.cache("decoded") if cache is None else expanded(cache)
    try:
        path = folder / f"{_name(files, asked)}.npz"
    except OSError:  # the reader has better words for a missing file
        return stream.in_memory()
    found = _read(path, stream)
    if found is None:
        found = stream.in_memory()
        factors = found.factors(np.arange(len(found)))
        arrays = dict(zip(ARRAYS, (found.images, found.labels, factors), strict=True))
        kept.write(path, arrays, "decoded images")
    return found


def _name(files: Sequence[Path], asked: Mapping[str, Any]) -> str:
    libraries = [PIL.__version__, *map(PIL.features.version, ("jpg", "zlib", "webp"))]
    digest = hashlib.sha256(json.dumps([asked, libraries], sort_keys=True).encode())
    here = Path(__file__).parent
    for path in [*(here / f"{name}.py" for name in CODE), *files]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


def _read(path: Path, stream: StreamSplit) -> ArraySplit | None:
    arrays = kept.read(path, "decoded again")
    if arrays is None or not arrays.keys() >= set(ARRAYS):
        return None
    images, labels, factors = (arrays[name] for name in ARRAYS)
    fits = images.shape == (len(stream), *stream.spec.shape) and images.dtype == np.uint8
    fits &= labels.shape == images.shape[:1] == factors.shape[:1]
    return ArraySplit(stream.spec, images, labels, factors) if fits else None
