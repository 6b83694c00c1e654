"""How alike two images are: PSNR, SSIM and MS-SSIM."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.ndimage import correlate1d

from gen_jax.errors import UserError

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of MS-SSIM's scales, finest first (Wang et al. 2003, section 3.2)."""
VALUES = 2**20
"""Pixel values of images that are worked on at a time."""

_OFFSETS = np.arange(WINDOW) - WINDOW // 2
_GAUSSIAN = np.exp(-0.5 * np.square(_OFFSETS / SIGMA))
_GAUSSIAN /= _GAUSSIAN.sum()


class MultiScale(NamedTuple):
    """MS-SSIM of each pair, float64 [n], and the weights of the scales, finest first."""

    values: Float[np.ndarray, "n"]
    weights: tuple[float, ...]


def ssim(
    images: Float[np.ndarray, "n h w c"], others: Float[np.ndarray, "n h w c"], data_range: float
) -> Float[np.ndarray, "n"]:
    """Structural similarity of each pair (Wang et al. 2004, eq. 13), 1 where both are equal.

    Means, variances and the covariance are under a Gaussian window of 11 x 11 with deviation 1.5;
    K1 = 0.01, K2 = 0.03. The index is averaged over the windows that lie inside the image, and
    over the channels.

    Args:
      images: images.
      others: as many, each to be compared with the image of the same row.
      data_range: the largest value there may be, where 0 is the smallest: 255 for bytes. The index
        compares means by their ratio, which is another where 0 is not black.

    Raises:
      UserError: these are not images of one shape, they are smaller than the window, or a value is
        negative.
    """
    scale_weights(_side(images, others))
    return _blockwise(lambda x, y: _index(x, y, data_range)[0].mean(axis=1), images, others)


def ms_ssim(
    images: Float[np.ndarray, "n h w c"], others: Float[np.ndarray, "n h w c"], data_range: float
) -> MultiScale:
    """Multi-scale structural similarity of each pair (Wang et al. 2003, eq. 7).

    The product over scales of the mean of contrast and structure to the power of the scale's
    weight; at the coarsest, of the mean of the whole index, luminance included. Each scale halves
    the one before by means of 2 x 2 pixels, and a last odd row or column counts twice. A negative
    mean, which has no real power, counts as 0. Products are averaged over the channels.

    The paper has five scales, for which the shorter side must have 161 pixels. Smaller images get
    as many of the finest as `scale_weights` tells. Numbers of different weights do not compare.

    Args:
      images: images.
      others: as many, each to be compared with the image of the same row.
      data_range: the largest value there may be, where 0 is the smallest: 255 for bytes. The index
        compares means by their ratio, which is another where 0 is not black.

    Raises:
      UserError: these are not images of one shape, they are smaller than the window, or a value is
        negative.
    """
    weights = scale_weights(_side(images, others))

    def of_block(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        product = np.ones(x.shape[:2])
        for weight in weights[:-1]:
            product *= np.maximum(_index(x, y, data_range)[1], 0) ** weight
            x, y = _halved(x), _halved(y)
        product *= np.maximum(_index(x, y, data_range)[0], 0) ** weights[-1]
        return product.mean(axis=1)

    return MultiScale(_blockwise(of_block, images, others), weights)


def scale_weights(side: int) -> tuple[float, ...]:
    """Weights of the scales at which an image's shorter side has room for the window.

    They are the first of `WEIGHTS`, over their sum: one scale from 11 pixels, two from 21, three
    from 41, four from 81, all five from 161.

    Raises:
      UserError: there is no room at any scale.
    """
    if side < WINDOW:
        raise UserError(
            f"SSIM needs images of {WINDOW} x {WINDOW} pixels or more; these have a side of {side}"
        )
    count = 0
    while side >= WINDOW and count < len(WEIGHTS):
        count, side = count + 1, (side + 1) // 2
    return tuple(weight / sum(WEIGHTS[:count]) for weight in WEIGHTS[:count])


def _side(images: np.ndarray, others: np.ndarray) -> int:
    """The shorter side of images that can be compared."""
    if np.ndim(images) != 4 or np.shape(images) != np.shape(others):
        raise UserError(
            f"images of shapes {np.shape(images)} and {np.shape(others)} cannot be compared;"
            " give [n, height, width, channels] twice"
        )
    for values in (images, others):
        if np.size(values) and (least := np.min(values)) < 0:
            raise UserError(
                f"SSIM is of values from 0 (black) up, and there is one of {least:.3g}: "
                "add 1 to images on [-1, 1], and give data_range=2"
            )
    return min(images.shape[1:3])


def _blockwise(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], images: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """`function` of float64 blocks [b, c, h, w] of both, which gives [b]; together [n]."""
    size = max(1, VALUES // max(1, int(np.prod(images.shape[1:]))))
    values = np.empty(len(images))
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        x, y = (
            np.moveaxis(block[part], 3, 1).astype(np.float64, order="C")
            for block in (images, others)
        )
        values[part] = function(x, y)
    return values


def _index(x: np.ndarray, y: np.ndarray, data_range: float) -> tuple[np.ndarray, np.ndarray]:
    """Means over the windows of SSIM, and of its contrast and structure alone, [b, c] each."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x = _windowed(x * x) - mean_x**2
    var_y = _windowed(y * y) - mean_y**2
    covariance = _windowed(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    contrast = (2 * covariance + c2) / (var_x + var_y + c2)
    return _mean(luminance * contrast), _mean(contrast)


def _windowed(x: np.ndarray) -> np.ndarray:
    """Means under the window wherever it lies inside the image."""
    edge = WINDOW // 2
    rows = correlate1d(x, _GAUSSIAN, axis=2)[:, :, edge:-edge]
    return correlate1d(rows, _GAUSSIAN, axis=3)[..., edge:-edge]


def _mean(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(*maps.shape[:2], -1).mean(axis=2)


def _halved(x: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels, [b, c, h, w] to half the height and width, rounded up."""
    b, c, height, width = x.shape
    x = np.pad(x, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    return x.reshape(b, c, (height + 1) // 2, 2, (width + 1) // 2, 2).mean(axis=(3, 5))
