"""Features of real images, computed once and kept by what they are of."""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jaxlib
import numpy as np
from tqdm import tqdm

from gen_jax.core import kept, machine
from gen_jax.core.files import expanded
from gen_jax.data.spec import Split
from gen_jax.features import inception, inception_graph, inception_weights, judge
from gen_jax.features.extractor import Extractor, Features
from gen_jax.nets import classifier

BLOCK = 1000
"""Images a file of the cache holds: what an interruption costs at most."""


def of_split(
    extractor: Extractor, split: Split, count: int, cache: Path | None, what: str
) -> tuple[Features, str]:
    """Features of the first `count` images of a split, and the SHA-256 (hex) of those images.

    They are looked up, `BLOCK` by `BLOCK`, under the digests of the images and of the weights, the
    resizing and the software that computes them; what is found damaged is computed again. A digest
    is of shape, bytes and order of images, whatever data set they are said to be.

    Args:
      extractor: what sees them.
      split: where they come from, as they are on disk; not empty.
      count: at most so many.
      cache: the folder they are kept in; None keeps nothing.
      what: for the progress bar, such as "real train".
    """
    count = min(count, len(split))
    digest = hashlib.sha256(f"{count} {split.spec.shape} uint8".encode())
    parts = []
    with _bar(extractor, count, what) as bar:
        for start in range(0, count, BLOCK):
            places = np.arange(start, min(start + BLOCK, count))
            block = np.ascontiguousarray(split.gather(places)["image"])
            digest.update(block.tobytes())
            parts.append(_of_block(extractor, block, cache, _counter(bar, start)))
            bar.update(start + len(block) - bar.n)
    taps = parts[0]
    return {tap: np.concatenate([part[tap] for part in parts]) for tap in taps}, digest.hexdigest()


def watched(extractor: Extractor, blocks: Iterator[np.ndarray], count: int, what: str) -> Features:
    """`Extractor.extract` under a progress bar, on a terminal."""
    with _bar(extractor, count, what) as bar:
        return extractor.extract(blocks, _counter(bar, 0))


def cache_folder(path: str | None) -> Path | None:
    """`eval.cache`; the user's own cache if it is None, nowhere if it is ""."""
    if path == "":
        return None
    if path is not None:
        return expanded(path)
    return machine.cache("features")


def _of_block(
    extractor: Extractor, images: np.ndarray, cache: Path | None, progress: Callable[[int], None]
) -> Features:
    key = {"images": hashlib.sha256(images.tobytes()).hexdigest(), "shape": images.shape}
    key |= {"taps": list(extractor.taps), **extractor.protocol}
    key |= {"software": _software(), "platform": jax.devices()[0].device_kind}
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    file = cache / f"{name[:32]}.npz" if cache else None
    if file and (found := _read(file, extractor, len(images))) is not None:
        return found
    features = extractor.extract(iter([images]), progress)
    if file:
        kept.write(file, features, "features")
    return features


@functools.cache
def _software() -> list[str]:
    """JAX's versions, and the SHA-256 (hex) of the code that makes features of images."""
    digest = hashlib.sha256()
    for module in (inception, inception_graph, inception_weights, judge, classifier):
        digest.update(Path(str(module.__file__)).read_bytes())
    return [jax.__version__, jaxlib.__version__, digest.hexdigest()]


def _bar(extractor: Extractor, count: int, what: str) -> tqdm:
    return tqdm(total=count, desc=f"{extractor.name}, {what}", unit="img", disable=None)


def _counter(bar: tqdm, before: int) -> Callable[[int], None]:
    """What an extractor tells how many it has done, `before` having been done earlier."""
    return lambda done: bar.update(before + done - bar.n)


def _read(file: Path, extractor: Extractor, count: int) -> Features | None:
    """What a file holds, if it is whole and of these shapes."""
    found = kept.read(file, "computed again")
    if found is None or found.keys() != extractor.taps.keys():
        return None
    fits = all(
        array.shape == (count, extractor.taps[tap]) and np.isfinite(array).all()
        for tap, array in found.items()
    )
    return found if fits else None
