"""Features of VGG-16 trained on ImageNet (Simonyan & Zisserman 2015, configuration D).

Weights are torchvision's: `features.{0, 2, 5, ...}.weight` [out, in, 3, 3] and `.bias`, from its
checkpoint or from an .npz of the same names. Only the first ten convolutions are used.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gen_jax.errors import UserError
from gen_jax.features.network import Apply, Kind, Shape, choose_layers, take
from gen_jax.nets.layers import Conv

STAGES = (((0, 2), 64), ((5, 7), 128), ((10, 12, 14), 256), ((17, 19, 21), 512))
"""Numbers of the convolutions between two poolings, in torchvision's `features`, and channels."""

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
"""The last activation of each stage; those that Johnson et al. 2016 compare."""

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
"""Of ImageNet's red, green and blue on [0, 1], as the network was trained with."""


def build(
    arrays: Mapping[str, np.ndarray], layers: Sequence[int], shape: Shape
) -> tuple[tuple[int, ...], Apply]:
    """Layers and function of a `Kind`; grey images are shown in red, green and blue alike.

    Layers are numbers into `LAYERS`, by default all four. Images may have any size that the
    poolings before the last of them (2x2, floor) leave something of.
    """
    chosen = choose_layers(layers, LAYERS, default=tuple(range(len(LAYERS))))
    if shape[2] not in (1, 3):
        raise UserError(f"perceptual.net='vgg16' sees 1 or 3 channels, not {shape[2]}")
    if min(shape[:2]) < 2 ** max(chosen):
        raise UserError(
            f"perceptual.layers: nothing of {shape[0]}x{shape[1]} pixels is left at layer "
            f"{max(chosen)} ({LAYERS[max(chosen)]}); choose earlier layers"
        )
    previous = 3
    stages: list[tuple[Any, list[dict[str, np.ndarray]]]] = []
    for numbers, width in STAGES[: max(chosen) + 1]:
        convolutions = []
        for number in numbers:
            kernel = take(arrays, f"features.{number}.weight", (width, previous, 3, 3))
            bias = take(arrays, f"features.{number}.bias", (width,))
            convolutions.append({"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias})
            previous = width
        stages.append((Conv(width), convolutions))

    def apply(images: Float[Array, "n h w c"]) -> list[Float[Array, "n i j d"]]:
        if images.shape[-1] == 1:
            images = jnp.repeat(images, 3, axis=-1)
        x = ((images + 1) / 2 - MEAN[None, None, None]) / STD[None, None, None]
        maps: list[Array] = []
        for convolution, parameters in stages:
            if maps:
                x = nn.max_pool(x, (2, 2), (2, 2))
            for params in parameters:
                x = nn.relu(convolution.apply({"params": params}, x))
            maps.append(x)
        return [maps[layer] for layer in chosen]

    return chosen, apply


KIND = Kind(
    "pass torchvision's checkpoint: --config.perceptual.weights=PATH/vgg16-397923af.pth "
    "(from https://download.pytorch.org/models)",
    build,
)
