"""What a data set is to the rest of the project: a spec, and a split that gathers by index.

Every source is random access, records on disk included. That is what makes a batch a function of
(seed, step) for a data set of any size: to resume, `gather` is asked for the next indices, where
a pipeline of iterators would have to save or replay its shuffle buffers.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
from ml_collections import ConfigDict

from gen_jax.errors import UserError

BLOCK = 256  # images decoded at a time where all are wanted


class DataSpec(NamedTuple):
    """All a family may know of the data.

    Attributes:
        name: the name the config asked for, such as "cifar100".
        shape: (height, width, channels) of one image.
        num_classes: how many classes labels run over, 0 .. num_classes - 1.
        class_names: one readable name per class.
        num_examples: images in the train split, whichever split this spec came with.
        factors: (name, number of values) of each known generative factor; usually none.
    """

    name: str
    shape: tuple[int, int, int]
    num_classes: int
    class_names: tuple[str, ...]
    num_examples: int
    factors: tuple[tuple[str, int], ...] = ()


class Split(Protocol):
    """Random access to one split of a data set, in a fixed order."""

    spec: DataSpec

    @property
    def labels(self) -> np.ndarray:
        """Labels int32 [N] of all images."""

    def __len__(self) -> int:
        """Number of images."""

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Generative factors int32 [n, F] at these positions, in the order of `spec.factors`."""

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Images at these positions: fresh arrays the caller may write to.

        Args:
            indices: integers [n] in 0 .. len - 1, repeats allowed.

        Returns:
            "image" uint8 [n, H, W, C], "label" int32 [n] and, where the spec has factors,
            "factors" int32 [n, F].
        """


class ArraySplit:
    """A split held in memory.

    Attributes:
        spec: the data set's DataSpec.
        images: uint8 [N, H, W, C], contiguous, so that it can be put on a device in one copy.
        labels: int32 [N].
    """

    def __init__(
        self,
        spec: DataSpec,
        images: np.ndarray,
        labels: np.ndarray,
        factors: np.ndarray | None = None,
    ):
        """Checks the arrays against the spec (factors [N, F]); ValueError where they differ."""
        if images.dtype != np.uint8 or images.shape[1:] != spec.shape:
            raise ValueError(f"images are {images.dtype} {images.shape}, spec says {spec.shape}")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"labels are {labels.shape} for {len(images)} images")
        factors = np.empty((len(images), 0)) if factors is None else factors
        if factors.shape != (len(images), len(spec.factors)):
            raise ValueError(f"factors are {factors.shape} for {len(images)} of {spec.factors}")
        self.spec = spec
        self.images = np.ascontiguousarray(images)
        self.labels = np.ascontiguousarray(labels, dtype=np.int32)
        self._factors = np.ascontiguousarray(factors, dtype=np.int32)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Generative factors int32 [n, F] at `indices`, copied."""
        return self._factors[indices]

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Images, labels and, where there are any, factors at `indices`, copied."""
        out = {"image": self.images[indices], "label": self.labels[indices]}
        return out | {"factors": self.factors(indices)} if self.spec.factors else out


class StreamSplit:
    """A split decoded on demand, by a few threads.

    Attributes:
        spec: the data set's DataSpec.
    """

    def __init__(
        self,
        spec: DataSpec,
        size: int,
        read: Callable[[np.ndarray], tuple[np.ndarray, ...]],
        annotate: Callable[[np.ndarray], tuple[np.ndarray, ...]] | None = None,
    ):
        """Wraps a reader; reads nothing yet.

        Args:
            spec: the data set's DataSpec.
            size: number of images N.
            read: from positions int64 [n] to images uint8 [n, H, W, C], labels [n] and, where
                the spec has factors, those [n, F]; called from several threads at once.
            annotate: the same without the images, where that is cheaper.
        """
        self.spec = spec
        self._size = size
        self._read = read
        self._annotate = annotate or (lambda indices: read(indices)[1:])
        self._threads = min(8, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="decode")

    def __len__(self) -> int:
        """Number of images."""
        return self._size

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """Labels int32 [N], read when first asked for; raises as `gather`."""
        chunks = np.array_split(np.arange(self._size), -(-self._size // BLOCK))
        labels = np.concatenate([part[0] for part in self._pool.map(self._annotate, chunks)])
        return check_labels(labels, self.spec.class_names, self.spec.name)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Generative factors int32 [n, F], read now; raises as `gather`."""
        if not self.spec.factors:
            return np.empty((len(indices), 0), np.int32)
        return self._annotate(np.asarray(indices))[1].astype(np.int32)

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Images, labels and, where there are any, factors at `indices`, read and decoded now.

        Raises:
            UserError: an image or a label cannot be read; the line names its file.
        """
        indices = np.asarray(indices)
        chunks = np.array_split(indices, max(1, min(self._threads, len(indices))))
        parts = list(self._pool.map(self._checked, chunks))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def in_memory(self) -> ArraySplit:
        """Every image, decoded once.

        Raises:
            UserError: as `gather`, or the images would not fit in this machine's memory.
        """
        shape = (self._size, *self.spec.shape)
        _check_fits(self.spec.name, int(np.prod(shape, dtype=np.int64)))
        arrays: dict[str, np.ndarray] = {
            "image": np.empty(shape, np.uint8),
            "label": np.empty(self._size, np.int32),
            "factors": np.empty((self._size, len(self.spec.factors)), np.int32),
        }
        for chunk, block in self._blocks():
            for key, values in block.items():
                arrays[key][chunk] = values
        return ArraySplit(self.spec, *arrays.values())

    def _blocks(self) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        starts = range(0, self._size, BLOCK)
        chunks = [slice(start, min(start + BLOCK, self._size)) for start in starts]
        # A few chunks at a time: decoding may run ahead of the copy, but not by a data set.
        for first in range(0, len(chunks), self._threads):
            group = chunks[first : first + self._threads]
            positions = [np.arange(chunk.start, chunk.stop) for chunk in group]
            yield from zip(group, self._pool.map(self._checked, positions), strict=True)

    def _checked(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        images, labels, *factors = self._read(indices)
        labels = check_labels(labels, self.spec.class_names, self.spec.name)
        out = {"image": images, "label": labels}
        return out | {"factors": factors[0].astype(np.int32)} if self.spec.factors else out


def _check_fits(name: str, size: int) -> None:
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):  # not every platform tells
        return
    if size > 0.8 * memory:
        raise UserError(
            f"{name}: {size / 1e9:.1f} GB of images do not fit in {memory / 1e9:.1f} GB of memory; "
            "pass --config.data.stream=True, a smaller --config.data.image_size, or fewer images "
            "(--config.data.num_train)"
        )


def held_out(size: int, split: str) -> np.ndarray:
    """Positions of a split in a data set that has only one: every tenth image is for testing.

    Args:
        size: number of images in all.
        split: "train" or "test".

    Returns:
        int64, ascending; the two splits share nothing and together are everything.
    """
    positions = np.arange(size)
    return positions[(positions % 10 == 0) == (split == "test")]


def scaled(images: Any) -> Any:
    """uint8 0 .. 255 to float32 [-1, 1], of NumPy and JAX arrays alike."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)


def check_labels(labels: np.ndarray, class_names: Sequence[str], where: str) -> np.ndarray:
    """Labels as int32, each known to be one of the classes.

    An embedding lookup clamps an out-of-range label without a word, so it is refused here.

    Args:
        labels: integers [n].
        class_names: the names of classes 0, 1, ...
        where: what to blame in the message, such as "cifar100/train".

    Raises:
        UserError: a label is below 0 or at least len(class_names).
    """
    wrong = (labels < 0) | (labels >= len(class_names))
    if wrong.any():
        value = int(labels[wrong][0])
        raise UserError(
            f"{where}: label {value} is not one of its {len(class_names)} classes; "
            "unlabelled splits cannot be used"
        )
    return labels.astype(np.int32)


def check_section(config: ConfigDict, num_classes: int, where: str) -> None:
    """Checks the `data` keys that every source on disk reads the same way.

    Args:
        config: the `data` section: channels, image_size, num_classes, num_train, num_test.
        num_classes: how many classes the source has.
        where: the source's name in the message.

    Raises:
        UserError: a value no source takes, or a num_classes that is not the source's own.
    """
    if config.channels not in (0, 1, 3):
        raise UserError(f"data.channels must be 0, 1 or 3, not {config.channels}")
    for key in ("image_size", "num_train", "num_test"):
        if config[key] < 0:
            raise UserError(f"data.{key} must be 0 or more, not {config[key]}")
    if config.num_classes not in (0, num_classes):
        raise UserError(
            f"data.num_classes is {config.num_classes}, but {where} has {num_classes}: "
            "pass --config.data.num_classes=0"
        )
