"""Weights of Inception-v3 from a file's arrays, by either of the names they are known under.

Names of the graph (`inception_graph`): a kernel and a bias a convolution, batch norm folded in.
Names of PyTorch's ports, torchvision's and pytorch-fid's, where a convolution is called
"Mixed_5b.branch1x1" or the like: its ".conv.weight" [out, in, height, width], its batch norm's
".bn.weight", ".bn.bias", ".bn.running_mean" and ".bn.running_var" [out]; "fc.weight" [out, in] and
"fc.bias". The names decide which it is, not the kind of file.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gen_jax.features import inception_graph as graph
from gen_jax.features.network import Misfit, take

EPSILON = 0.001
"""What the graph's batch norm adds to variances."""

_STEM = {
    "conv": "Conv2d_1a_3x3",
    "conv_1": "Conv2d_2a_3x3",
    "conv_2": "Conv2d_2b_3x3",
    "conv_3": "Conv2d_3b_1x1",
    "conv_4": "Conv2d_4a_3x3",
}
_AT_35 = {
    "": ["branch1x1"],
    "_tower": ["branch5x5_1", "branch5x5_2"],
    "_tower_1": ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"],
    "_tower_2": ["branch_pool"],
}
_TO_17 = {
    "": ["branch3x3"],
    "_tower": ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"],
}
_AT_17 = {
    "": ["branch1x1"],
    "_tower": ["branch7x7_1", "branch7x7_2", "branch7x7_3"],
    "_tower_1": [f"branch7x7dbl_{i}" for i in range(1, 6)],
    "_tower_2": ["branch_pool"],
}
_TO_8 = {
    "_tower": ["branch3x3_1", "branch3x3_2"],
    "_tower_1": [f"branch7x7x3_{i}" for i in range(1, 5)],
}
_AT_8 = {
    "": ["branch1x1"],
    "_tower": ["branch3x3_1"],
    "_tower_mixed": ["branch3x3_2a", "branch3x3_2b"],
    "_tower_1": ["branch3x3dbl_1", "branch3x3dbl_2"],
    "_tower_1_mixed": ["branch3x3dbl_3a", "branch3x3dbl_3b"],
    "_tower_2": ["branch_pool"],
}
_BLOCKS = {
    "mixed": ("Mixed_5b", _AT_35),
    "mixed_1": ("Mixed_5c", _AT_35),
    "mixed_2": ("Mixed_5d", _AT_35),
    "mixed_3": ("Mixed_6a", _TO_17),
    "mixed_4": ("Mixed_6b", _AT_17),
    "mixed_5": ("Mixed_6c", _AT_17),
    "mixed_6": ("Mixed_6d", _AT_17),
    "mixed_7": ("Mixed_6e", _AT_17),
    "mixed_8": ("Mixed_7a", _TO_8),
    "mixed_9": ("Mixed_7b", _AT_8),
    "mixed_10": ("Mixed_7c", _AT_8),
}
PORTED = _STEM | {
    f"{block}{branch}_conv{f'_{i}' if i else ''}": f"{port}.{name}"
    for block, (port, branches) in _BLOCKS.items()
    for branch, names in branches.items()
    for i, name in enumerate(names)
}
"""PyTorch's name of each convolution of the graph."""


class Weights(NamedTuple):
    """What a file holds of the network.

    Attributes:
      arrays: float32, by the graph's names and of its `shapes`.
      taps: those it suffices for, in the order of the graph.
      lacks: the first array that the next tap needs, by the file's names; None if none is missing.
    """

    arrays: dict[str, np.ndarray]
    taps: tuple[str, ...]
    lacks: str | None


def unpack(arrays: Mapping[str, np.ndarray]) -> Weights:
    """The network's weights, as far as they are there; batch norm is folded where it is not yet.

    Raises:
        Misfit: there is not enough for any tap, or an array is of another shape, not of floating
            point or not finite.
    """
    sources, make = (
        (_ported, _fold)
        if f"{PORTED['conv']}.conv.weight" in arrays
        else (lambda name: [name], take)
    )
    made: dict[str, np.ndarray] = {}
    taps: list[str] = []
    for tap, shapes in graph.shapes().items():
        needed = (source for name in shapes for source in sources(name))
        lacks = next((source for source in needed if source not in arrays), None)
        if lacks and not taps:
            raise Misfit(f"it has no {lacks}")
        if lacks:
            return Weights(made, tuple(taps), lacks)
        made |= {name: make(arrays, name, shape) for name, shape in shapes.items()}
        taps.append(tap)
    return Weights(made, tuple(taps), None)


def _ported(name: str) -> list[str]:
    """The arrays of a PyTorch port that a weight of the graph is made of."""
    layer, kind = name.split("/")
    if layer == "softmax":
        return ["fc.weight" if kind == "kernel" else "fc.bias"]
    port = PORTED[layer]
    norm = [f"{port}.bn.weight", f"{port}.bn.running_var"]
    if kind == "kernel":
        return [*norm, f"{port}.conv.weight"]
    return [*norm, f"{port}.bn.bias", f"{port}.bn.running_mean"]


def _fold(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A weight of the graph from a PyTorch port: gain * (conv(x) - mean) + bias, multiplied out."""
    sources, kernel = _ported(name), name.endswith("/kernel")
    if len(sources) == 1:
        return take(arrays, sources[0], shape[::-1]).T
    channels = shape[-1:]
    # In float64: variances are tiny in places.
    gain, variance = (take(arrays, source, channels).astype(np.float64) for source in sources[:2])
    if np.any(variance < 0):
        raise Misfit(f"its {sources[1]} has negative variances")
    gain /= np.sqrt(variance + EPSILON)
    if kernel:
        stored = shape[3], shape[2], shape[0], shape[1]
        weight = take(arrays, sources[2], stored).transpose(2, 3, 1, 0)
        return (weight * gain).astype(np.float32)
    bias, mean = (take(arrays, source, channels) for source in sources[2:])
    return (bias - gain * mean).astype(np.float32)
