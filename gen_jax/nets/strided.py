"""Stride-2, 4x4 convolution and its transpose, fast in every derivative.

For an image x, a kernel w and a half-size image y, the number <y, conv(x, w)> is linear in each of
the three. Fixing two of them gives three maps:

    down(x, w) -> y     the strided convolution
    up(y, w) -> x       its transpose (a "deconvolution")
    kernel(x, y) -> w   the kernel's gradient

The derivative of each, in each argument, is one of the other two. Written so, every derivative of
any order (a gradient penalty takes two) is one of three programs. Left to autodiff, XLA:CPU meets
dilated convolutions it has no fast code for: the kernel gradient of a transposed convolution took
361 ms where `kernel` takes 15 (`benchmarks/strided.py`). `up` runs as one stride-1 convolution to
four phases that are then interleaved, instead of a convolution over an image dilated with zeros.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

SIZE = 4
"""Kernel height and width: the smallest even size whose windows overlap at stride 2."""

Image = Float[Array, "n h w c"]
Half = Float[Array, "n h/2 w/2 d"]
Kernel = Float[Array, "4 4 c d"]


def _strided(x: Image, w: Kernel) -> Half:
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (2, 2), "SAME", dimension_numbers=layout)


@jax.custom_vjp
def down(x: Image, w: Kernel) -> Half:
    """Stride-2 SAME convolution: [n, h, w, c] with [4, 4, c, d] to [n, h/2, w/2, d]; h, w even."""
    return _strided(x, w)


@jax.custom_vjp
def up(y: Half, w: Kernel) -> Image:
    """Transpose of `down` in its image: [n, h/2, w/2, d] with [4, 4, c, d] to [n, h, w, c].

    Output row 2m + a meets the kernel rows of one parity a only, so the output is four phases
    (a, b), each a 2x2 convolution of y; the four are the output channels of a single one.
    """
    n, height, width, d = y.shape
    c = w.shape[2]
    phases = w[::-1, ::-1].reshape(2, 2, 2, 2, c, d).transpose(0, 2, 5, 1, 3, 4)
    out = lax.conv_general_dilated(
        jnp.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0))),
        phases.reshape(2, 2, d, 4 * c),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    ).reshape(n, height + 1, width + 1, 2, 2, c)
    rows = [
        jnp.stack([out[:, a : height + a, b : width + b, a, b] for b in range(2)], axis=3)
        for a in range(2)
    ]
    return jnp.stack(rows, axis=2).reshape(n, 2 * height, 2 * width, c)


@jax.custom_vjp
def kernel(x: Image, y: Half) -> Kernel:
    """Gradient of <y, down(x, w)> in w: [n, h, w, c] with [n, h/2, w/2, d] to [4, 4, c, d]."""
    zero = jnp.zeros((SIZE, SIZE, x.shape[-1], y.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda w: _strided(x, w), zero)(y)[0]


def _saved(function):
    return lambda a, b: (function(a, b), (a, b))


down.defvjp(_saved(down), lambda xw, y: (up(y, xw[1]), kernel(xw[0], y)))
up.defvjp(_saved(up), lambda yw, x: (down(x, yw[1]), kernel(x, yw[0])))
kernel.defvjp(_saved(kernel), lambda xy, w: (up(xy[1], w), down(xy[0], w)))
