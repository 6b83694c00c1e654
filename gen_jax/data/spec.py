"""What a data set is to the rest of the project: a spec, and a split that gathers by index.

Every source is random access, records on disk included. That is what makes a batch a function of
(seed, step) for a data set of any size: to resume, `gather` is asked for the next indices, where
a pipeline of iterators would have to save or replay its shuffle buffers.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from ml_collections import ConfigDict

from gen_jax.errors import UserError


class DataSpec(NamedTuple):
    """All a family may know of the data.

    Attributes:
        name: the name the config asked for, such as "cifar100".
        shape: (height, width, channels) of one image.
        num_classes: how many classes labels run over, 0 .. num_classes - 1.
        class_names: one readable name per class.
        num_examples: images in the train split, whichever split this spec came with.
        factors: (name, number of values) of each known generative factor; usually none.
        modes: centres of the Gaussians that points in the plane are drawn from, for data that are
            such points: "images" float32 [n, 1, 1, 2], not scaled. Images have none.
        mode_std: their standard deviation in each direction.
    """

    name: str
    shape: tuple[int, int, int]
    num_classes: int
    class_names: tuple[str, ...]
    num_examples: int
    factors: tuple[tuple[str, int], ...] = ()
    modes: tuple[tuple[float, float], ...] = ()
    mode_std: float = 0.0


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
            "image" uint8 [n, H, W, C] (points: float32 [n, 1, 1, 2]), "label" int32 [n] and, where
            the spec has factors, "factors" int32 [n, F].
        """


class ArraySplit:
    """A split held in memory.

    Attributes:
        spec: the data set's DataSpec.
        images: uint8 [N, H, W, C], contiguous, so that it can be put on a device in one copy;
            float32 [N, 1, 1, 2] if they are points.
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
        dtype = np.float32 if spec.modes else np.uint8
        if images.dtype != dtype or images.shape[1:] != spec.shape:
            raise ValueError(
                f"images are {images.dtype} {images.shape}, "
                f"spec says {np.dtype(dtype)} {spec.shape}"
            )
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


def image_shape(config: ConfigDict, native: Sequence[int | None]) -> tuple[int, int, int]:
    """The shape (height, width, channels) that a config's `data` section gives images.

    Args:
        config: the `data` section: `image_size` and `channels`, 0 for the native ones; `name`.
        native: the data set's own shape; a height and width of None vary.

    Raises:
        UserError: sizes vary, and no `image_size` is given.
    """
    channels = config.channels or (1 if native[2] == 1 else 3)
    if config.image_size:
        return config.image_size, config.image_size, channels
    if native[0] is None or native[1] is None:
        raise UserError(
            f"images of {config.name} vary in size: pass --config.data.image_size, such as 64"
        )
    return native[0], native[1], channels


def scaled(images: Any) -> Any:
    """uint8 0 .. 255 to float32 [-1, 1], of NumPy and JAX arrays alike; float32 (points) as is."""
    if images.dtype == np.float32:
        return images
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
