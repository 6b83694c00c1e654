"""What a frozen feature network is, and what every kind of them checks alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from gen_jax.errors import UserError

Apply = Callable[[Float[Array, "n h w c"]], list[Float[Array, "n i j d"]]]
Shape = tuple[int, int, int]


class Features(NamedTuple):
    """A frozen network as a function of images.

    Attributes:
      name: the kind of network, a key of `FEATURES`.
      digest: SHA-256 (hex) of the file its weights came from.
      layers: numbers of the layers compared.
      apply: images [n, H, W, C] in [-1, 1] -> their feature maps [n, h, w, c], one per layer. The
        weights are constants of it: gradients reach the images and nothing else.
    """

    name: str
    digest: str
    layers: tuple[int, ...]
    apply: Apply


class Kind(NamedTuple):
    """A kind of feature network.

    Attributes:
      obtain: how to come by its weights, to finish a sentence with.
      build: (arrays of the weights file, layers or (), image shape) -> (layers, apply). Raises
        `Misfit` if the arrays are not this network's, UserError if layers or images do not suit it.
    """

    obtain: str
    build: Callable[[Mapping[str, np.ndarray], Sequence[int], Shape], tuple[tuple[int, ...], Apply]]


class Misfit(Exception):
    """A weights file is not of the network asked for; says in what."""


def choose_layers(
    layers: Sequence[int], names: Sequence[str], default: tuple[int, ...]
) -> tuple[int, ...]:
    """The layers asked for, `default` if none; UserError if there is no such layer."""
    for layer in layers:
        if not isinstance(layer, int) or layer not in range(len(names)):
            known = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
            raise UserError(f"perceptual.layers: no layer {layer!r}; there are {known}")
    return tuple(layers) or default


def take(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One array as float32; Misfit unless it is there, of that shape and of finite numbers."""
    array = arrays.get(name)
    if array is None:
        raise Misfit(f"it has no {name}")
    if array.shape != shape:
        raise Misfit(f"its {name} is {list(array.shape)}, not {list(shape)}")
    if not np.issubdtype(array.dtype, np.floating):
        raise Misfit(f"its {name} is {array.dtype}")
    with np.errstate(over="ignore"):
        numbers = np.array(array, np.float32)
    if not np.isfinite(numbers).all():
        raise Misfit(f"its {name} holds NaN or infinity")
    return numbers
