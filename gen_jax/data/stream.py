"""A split decoded on demand, for data larger than memory."""

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gen_jax.core import machine
from gen_jax.data.spec import ArraySplit, DataSpec, check_labels
from gen_jax.errors import UserError

BLOCK = 256  # images decoded at a time where all are wanted
SMALL = 64 * 64 * 3  # values of an image up to which threads wait for Python more than they help
STREAM = (
    "pass --config.data.stream=True, a smaller --config.data.image_size, or fewer images "
    "(--config.data.num_train)"
)


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
        small = np.prod(spec.shape, dtype=np.int64) <= SMALL
        self._threads = 1 if small else min(8, os.cpu_count() or 1)
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
        check_fits(self.spec.name, int(np.prod(shape, dtype=np.int64)), STREAM)
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


def check_fits(name: str, size: int, instead: str) -> None:
    """Raises UserError, saying what to do instead, if images of `size` bytes take all memory."""
    memory = machine.memory()
    if memory is not None and size > 0.8 * memory:
        raise UserError(
            f"{name}: {size / 1e9:.1f} GB of images do not fit in {memory / 1e9:.1f} GB of memory; "
            f"{instead}"
        )
