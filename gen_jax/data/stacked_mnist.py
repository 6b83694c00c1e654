"""Stacked MNIST: three digits as the colours of one picture, a thousand modes that can be counted.

Metz et al. 2017 (section 3.3.1) stack digits drawn at random; a sample's mode is read off by a
classifier of digits, a channel at a time. Train stacks are of training digits, test stacks of
test digits. The digits are TFDS's `mnist`; a stack is put together when it is asked for.
"""

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data import packed
from gen_jax.data.spec import DataSpec, Split, check_section
from gen_jax.data.stream import check_fits
from gen_jax.errors import UserError

NAME = "stacked_mnist"
NUM_TRAIN = 128_000  # stacks where the config says 0; as many as PacGAN's (Lin et al. 2018)
NUM_TEST = 10_000
NUM_CLASSES = 1000
SPLITS = ("train", "test")
BYTES = 64  # that it takes to draw one
PHILOX_KEY = 3  # parts these draws from those of other sources


def positions(split: str, count: int, num_digits: int) -> np.ndarray:
    """Which digits the first `count` stacks of a split are made of.

    Independent and uniform, from the raw words of Philox as in `batches`; a smaller count is the
    beginning of a larger one.

    Returns:
        int64 [count, 3] in 0 .. num_digits - 1.
    """
    key = np.array([PHILOX_KEY, SPLITS.index(split)], np.uint64)
    words = np.random.Philox(key=key).random_raw(3 * count).reshape(count, 3)
    return (words % np.uint64(num_digits)).astype(np.int64)


class StackedSplit:
    """Pictures whose channels are three pictures of another split.

    Attributes:
        spec: the data set's DataSpec.
        labels: int32 [N], the digits' labels a, b, c as 100 a + 10 b + c.
    """

    def __init__(self, spec: DataSpec, digits: Split, chosen: np.ndarray):
        """Stacks the pictures of `digits`, [H, W, 1] each, at `chosen` int64 [N, 3]."""
        self.spec = spec
        self.labels = digits.labels[chosen] @ np.array([100, 10, 1], np.int32)
        self._digits = digits
        self._chosen = chosen

    def __len__(self) -> int:
        """Number of images."""
        return len(self._chosen)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """None are known beside the label: int32 [n, 0]."""
        return np.empty((len(indices), 0), np.int32)

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Stacks "image" uint8 [n, H, W, 3]; adds "label" int32 [n]. Raises as the digits do."""
        chosen = self._chosen[indices]
        digits = self._digits.gather(chosen.reshape(-1))["image"][..., 0]
        stacks = np.moveaxis(digits.reshape(*chosen.shape, *digits.shape[1:]), 1, -1)
        return {"image": np.ascontiguousarray(stacks), "label": self.labels[indices]}


def digits_section(config: ConfigDict) -> ConfigDict:
    """The `data` section of the digits that a section's stacks are made of."""
    of_digits = {"name": "mnist", "channels": 1, "num_classes": 0, "num_train": 0, "num_test": 0}
    return ConfigDict(config.to_dict() | of_digits)


def load(config: ConfigDict, split: str) -> Split:
    """The "train" or "test" split that a config's `data` section describes.

    Args:
        config: `num_train` (0 is 128,000) and `num_test` (0 is 10,000) count stacks, each of digits
            drawn from the whole MNIST split; `dir`, `image_size` and `stream` are those of the
            digits, as in `packed.load`; `channels` 0 or 3; `num_classes` 0 or 1000.
        split: "train" or "test".

    Raises:
        UserError: a value that stacks cannot have, or MNIST cannot be loaded.
    """
    check_section(config, NUM_CLASSES, NAME)
    if config.channels == 1:
        raise UserError(f"{NAME} has three channels: pass --config.data.channels=0")
    digits = packed.load(digits_section(config), split)
    if digits.spec.num_classes != 10:
        raise UserError(
            f"{NAME} stacks ten classes of digits, not {digits.spec.num_classes}: "
            "pass --config.data.label=label"
        )
    sizes = {"train": config.num_train or NUM_TRAIN, "test": config.num_test or NUM_TEST}
    spec = DataSpec(
        name=NAME,
        shape=(*digits.spec.shape[:2], 3),
        num_classes=NUM_CLASSES,
        class_names=tuple(f"{number:03}" for number in range(NUM_CLASSES)),
        num_examples=sizes["train"],
    )
    check_fits(NAME, sizes[split] * BYTES, f"pass a smaller --config.data.num_{split}")
    return StackedSplit(spec, digits, positions(split, sizes[split], len(digits)))
