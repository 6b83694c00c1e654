"""Points in the plane around known centres, where lost modes can be seen and counted.

`ring` is eight Gaussians on a circle of radius 2 with standard deviation 0.02 (Metz et al. 2017,
appendix A); `grid` is 25 at {-4, -2, 0, 2, 4}^2 with 0.05 (VEEGAN: Srivastava et al. 2017, sec. 5;
PacGAN: Lin et al. 2018, sec. 4.1). A point is an "image" of one pixel with two channels, so that
everything that takes images takes points.

Point i of a split is a function of (data set, split, i), drawn like `batches` from raw words of
Philox, and its label is the number of its Gaussian.
"""

from collections.abc import Callable
from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from scipy.special import ndtri

from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.data.stream import check_fits
from gen_jax.errors import UserError

NUM_TRAIN = 100_000  # points where the config says 0
NUM_TEST = 10_000
SPLITS = ("train", "test")
BYTES = 64  # that it takes to draw one


class Mixture(NamedTuple):
    """An equal mixture of round Gaussians in the plane.

    Attributes:
        number: what parts its draws from those of the other mixtures.
        modes: the centres.
        std: their standard deviation in each direction.
    """

    number: int
    modes: tuple[tuple[float, float], ...]
    std: float


MIXTURES = {
    "ring": Mixture(0, tuple((2 * cos(pi * k / 4), 2 * sin(pi * k / 4)) for k in range(8)), 0.02),
    "grid": Mixture(1, tuple((2.0 * i - 4, 2.0 * j - 4) for i in range(5) for j in range(5)), 0.05),
}


def draw(mixture: Mixture, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` points of a split.

    Returns:
        points float32 [count, 2], independent draws from the mixture, and the mode of each,
        int32 [count].
    """
    key = np.array([mixture.number, SPLITS.index(split)], np.uint64)
    # Three words a point, so that a smaller split is the beginning of a larger one.
    words = np.random.Philox(key=key).random_raw(3 * count).reshape(count, 3)
    modes = (words[:, 0] % np.uint64(len(mixture.modes))).astype(np.int32)
    # 52 bits and a half lie strictly between 0 and 1, whose quantiles are infinite.
    uniform = ((words[:, 1:] >> np.uint64(12)) + 0.5) * 2.0**-52
    points = np.array(mixture.modes)[modes] + mixture.std * ndtri(uniform)
    return points.astype(np.float32), modes


def loader(name: str) -> Callable[[ConfigDict, str], ArraySplit]:
    """The source of one of MIXTURES.

    It reads num_train (0 is 100,000) and num_test (0 is 10,000) of the `data` section. Points are
    always in memory. Keys that describe pictures, and train_classes, are refused: UserError.
    """
    mixture = MIXTURES[name]

    def load(config: ConfigDict, split: str) -> ArraySplit:
        _check(config, name, len(mixture.modes))
        sizes = {"train": config.num_train or NUM_TRAIN, "test": config.num_test or NUM_TEST}
        spec = DataSpec(
            name=name,
            shape=(1, 1, 2),
            num_classes=len(mixture.modes),
            class_names=tuple(f"mode {k}" for k in range(len(mixture.modes))),
            num_examples=sizes["train"],
            modes=mixture.modes,
            mode_std=mixture.std,
        )
        check_fits(name, sizes[split] * BYTES, f"pass a smaller --config.data.num_{split}")
        points, labels = draw(mixture, split, sizes[split])
        return ArraySplit(spec, points.reshape(-1, *spec.shape), labels)

    return load


def _check(config: ConfigDict, name: str, num_modes: int) -> None:
    for key in ("image_size", "channels"):
        if config[key]:
            raise UserError(
                f"data.name={name!r} has points, not pictures: pass --config.data.{key}=0"
            )
    if config.flip:
        raise UserError(
            f"data.name={name!r} has points, which have no mirror image: "
            "pass --config.data.flip=False"
        )
    if config.num_classes not in (0, num_modes):
        raise UserError(
            f"data.num_classes is {config.num_classes}, but {name} has {num_modes}: "
            "pass --config.data.num_classes=0"
        )
    for key in ("num_train", "num_test"):
        if config[key] < 0:
            raise UserError(f"data.{key} must be 0 or more, not {config[key]}")
    if config.get("train_classes"):
        # Every count of modes is out of all of them.
        raise UserError(
            f"data.name={name!r} is trained on all of its modes: "
            "pass --config.data.train_classes=()"
        )
