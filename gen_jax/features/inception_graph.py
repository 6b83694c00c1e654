"""Inception-v3 as TensorFlow's graph of December 2015 has it, which is what FID is defined by.

The network is that of Szegedy et al. 2016 (arXiv:1512.00567, table 1) as a pure function of its
weights, batch norm folded into kernels and biases. FID was published with this very graph (Heusel
et al. 2017, arXiv:1706.08500); other releases of the network give other features. It has its ways:

- the mean pools of the blocks leave padding out of the count;
- the pool branch of the last block takes the maximum;
- there are 1008 logits, not 1000.

Weights go by the graph's own names with "_" for "/", and "/kernel" or "/bias" behind:
"conv_4/bias", "mixed_9_tower_1_mixed_conv/kernel". Blocks are "mixed", "mixed_1", ..., "mixed_10".
Their branches are chains of convolutions, "conv", "conv_1", ...: a branch of one convolution is
named after the block ("mixed_1_conv"), the others after its "tower", "tower_1" and "tower_2". The
fork at the end of a branch, 8x8 only, is "mixed" once more, and its two convolutions count anew.
The logits are "softmax".
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

SIDE = 299
"""Height and width of the images the graph sees."""

DIMENSIONS = {
    "64": 64,
    "192": 192,
    "768": 768,
    "2048": 2048,
    "logits_unbiased": 1008,
    "logits": 1008,
}
"""Taps in the order of the graph, and the features an image has there.

The first four are means over positions: of the first and the second max pool, of the last block at
17x17 (mixed_7), of the last at 8x8 (mixed_10), which is what FID compares. The Inception Score was
published with logits that lack their bias (Salimans et al. 2016).
"""

Map = Float[Array, "n h w c"]
Layer = tuple[int, int, int]
"""Height and width of a kernel, and the channels it makes."""

Convolve = Callable[..., Map]
"""(name, map, layer, stride=1, padding="SAME") -> the map behind the convolution and its ReLU."""


def forward(
    weights: Mapping[str, Array], images: Float[Array, "n 299 299 3"], taps: Sequence[str]
) -> dict[str, Float[Array, "n d"]]:
    """Features at the taps asked for; what lies behind the last of them is not computed.

    Args:
        weights: by name, of the `shapes` that the taps need.
        images: float32 in [-1, 1].
        taps: of `DIMENSIONS`.
    """
    convolve = partial(_convolve, weights)
    x, found = images, {}
    for tap, section in SECTIONS.items():
        x = section(convolve, x)
        found[tap] = jnp.mean(x, axis=(1, 2))
        if found.keys() >= set(taps):
            break
    else:
        unbiased = jnp.dot(found["2048"], weights["softmax/kernel"], precision=EXACT)
        found["logits_unbiased"] = unbiased
        found["logits"] = unbiased + weights["softmax/bias"][None]
    return {tap: found[tap] for tap in taps}


@cache
def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """By tap, the weights it needs beyond those of the taps before it: their shapes by name.

    Kernels are [height, width, in, out], that of the logits [in, out]; biases are [out].
    """
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    x = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    for tap, section in SECTIONS.items():
        found[tap] = {}

        def record(name, x, layer, *how, named=found[tap]):
            kernel, bias = f"{name}/kernel", f"{name}/bias"
            named |= {kernel: (*layer[:2], x.shape[-1], layer[2]), bias: layer[2:]}
            made = {kernel: jnp.zeros(named[kernel]), bias: jnp.zeros(named[bias])}
            return _convolve(made, name, x, layer, *how)

        x = jax.eval_shape(partial(section, record), x)
    classes = DIMENSIONS["logits"]
    found["logits_unbiased"] = {"softmax/kernel": (x.shape[-1], classes)}
    found["logits"] = {"softmax/bias": (classes,)}
    return found


EXACT = lax.Precision.HIGHEST  # float32: some accelerators round to fewer bits unless told


def _convolve(
    weights: Mapping[str, Array],
    name: str,
    x: Map,
    layer: Layer,
    stride: int = 1,
    padding: str = "SAME",
) -> Map:
    y = lax.conv_general_dilated(
        x,
        weights[f"{name}/kernel"],
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=EXACT,
    )
    return nn.relu(y + weights[f"{name}/bias"][None, None, None])


def _chain(convolve: Convolve, name: str, x: Map, *layers: Layer) -> Map:
    """A branch up to its last convolution without padding, or to its end."""
    for i, layer in enumerate(layers):
        x = convolve(f"{name}_conv_{i}" if i else f"{name}_conv", x, layer)
    return x


def _halve(x: Map) -> Map:
    return nn.max_pool(x, (3, 3), (2, 2))


def _mean(x: Map) -> Map:
    return nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)


def _maximum(x: Map) -> Map:
    return nn.max_pool(x, (3, 3), padding="SAME")


def _join(*branches: Map) -> Map:
    return jnp.concatenate(branches, axis=-1)


def _to_64(convolve: Convolve, x: Map) -> Map:
    x = convolve("conv", x, (3, 3, 32), 2, "VALID")
    x = convolve("conv_1", x, (3, 3, 32), 1, "VALID")
    return _halve(convolve("conv_2", x, (3, 3, 64)))


def _to_192(convolve: Convolve, x: Map) -> Map:
    x = convolve("conv_3", x, (1, 1, 80))
    return _halve(convolve("conv_4", x, (3, 3, 192), 1, "VALID"))


def _to_768(convolve: Convolve, x: Map) -> Map:
    for name, pooled in (("mixed", 32), ("mixed_1", 64), ("mixed_2", 64)):
        x = _join(
            _chain(convolve, name, x, (1, 1, 64)),
            _chain(convolve, f"{name}_tower", x, (1, 1, 48), (5, 5, 64)),
            _chain(convolve, f"{name}_tower_1", x, (1, 1, 64), (3, 3, 96), (3, 3, 96)),
            _chain(convolve, f"{name}_tower_2", _mean(x), (1, 1, pooled)),
        )
    tower = _chain(convolve, "mixed_3_tower", x, (1, 1, 64), (3, 3, 96))
    x = _join(
        convolve("mixed_3_conv", x, (3, 3, 384), 2, "VALID"),
        convolve("mixed_3_tower_conv_2", tower, (3, 3, 96), 2, "VALID"),
        _halve(x),
    )
    for name, d in (("mixed_4", 128), ("mixed_5", 160), ("mixed_6", 160), ("mixed_7", 192)):
        across, down = (1, 7), (7, 1)
        double = ((1, 1, d), (*down, d), (*across, d), (*down, d), (*across, 192))
        x = _join(
            _chain(convolve, name, x, (1, 1, 192)),
            _chain(convolve, f"{name}_tower", x, (1, 1, d), (*across, d), (*down, 192)),
            _chain(convolve, f"{name}_tower_1", x, *double),
            _chain(convolve, f"{name}_tower_2", _mean(x), (1, 1, 192)),
        )
    return x


def _to_2048(convolve: Convolve, x: Map) -> Map:
    tower = _chain(convolve, "mixed_8_tower", x, (1, 1, 192))
    tower_1 = _chain(convolve, "mixed_8_tower_1", x, (1, 1, 192), (1, 7, 192), (7, 1, 192))
    x = _join(
        convolve("mixed_8_tower_conv_1", tower, (3, 3, 320), 2, "VALID"),
        convolve("mixed_8_tower_1_conv_3", tower_1, (3, 3, 192), 2, "VALID"),
        _halve(x),
    )
    for name, pool in (("mixed_9", _mean), ("mixed_10", _maximum)):
        tower = _chain(convolve, f"{name}_tower", x, (1, 1, 384))
        tower_1 = _chain(convolve, f"{name}_tower_1", x, (1, 1, 448), (3, 3, 384))
        x = _join(
            _chain(convolve, name, x, (1, 1, 320)),
            convolve(f"{name}_tower_mixed_conv", tower, (1, 3, 384)),
            convolve(f"{name}_tower_mixed_conv_1", tower, (3, 1, 384)),
            convolve(f"{name}_tower_1_mixed_conv", tower_1, (1, 3, 384)),
            convolve(f"{name}_tower_1_mixed_conv_1", tower_1, (3, 1, 384)),
            _chain(convolve, f"{name}_tower_2", pool(x), (1, 1, 192)),
        )
    return x


SECTIONS: dict[str, Callable[[Convolve, Map], Map]] = {
    "64": _to_64,
    "192": _to_192,
    "768": _to_768,
    "2048": _to_2048,
}
"""What leads to a tap from the one before."""
