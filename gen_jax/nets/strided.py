"""Stride-2, 4x4 convolution and its transpose, fast in every derivative.

For an image x, a kernel w and a half-size image y, the number <y, conv(x, w)> is linear in each of
the three. Fixing two of them gives three maps:

    down(x, w) -> y     the strided convolution
    up(y, w) -> x       its transpose (a "deconvolution")
    kernel(x, y) -> w   the kernel's gradient

The derivative of each, in each argument, is one of the other two. Written so, every derivative of
any order (a gradient penalty takes two) is one of three programs. GPUs and TPUs run them as they
are (`plain`). XLA:CPU is given forms it has fast code for (`benchmarks/strided.py` has the times):

- `up`: output row 2m + a meets the kernel rows of one parity a only, so the output is four phases,
  each a 2x2 convolution of y, interleaved, where a convolution over an image dilated with zeros
  multiplies mostly by them.
- Images of few channels, `NARROW` or less, are too little work for a convolution: all three are one
  product with the matrix of the image's 4x4 windows, or with its transpose.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from gen_jax.core.xla import on_cpu

SIZE = 4
"""Kernel height and width: the smallest even size whose windows overlap at stride 2."""
NARROW = 4
"""Most channels of an image that is convolved as a matrix of windows."""

Image = Float[Array, "n h w c"]
Half = Float[Array, "n h/2 w/2 d"]
Kernel = Float[Array, "4 4 c d"]
_LAYOUT = ("NHWC", "HWIO", "NHWC")


@jax.custom_vjp
def down(x: Image, w: Kernel) -> Half:
    """Stride-2 SAME convolution: [n, h, w, c] with [4, 4, c, d] to [n, h/2, w/2, d]; h, w even."""
    if on_cpu() and x.shape[-1] <= NARROW:
        windows = _windows(x)
        return (windows @ w.reshape(-1, w.shape[-1])).reshape(*_half(x.shape), -1)
    return plain_down(x, w)


@jax.custom_vjp
def up(y: Half, w: Kernel) -> Image:
    """Transpose of `down` in its image: [n, h/2, w/2, d] with [4, 4, c, d] to [n, h, w, c]."""
    if not on_cpu():
        return plain_up(y, w)
    if w.shape[2] <= NARROW:
        return _overlapped(y.reshape(-1, y.shape[-1]) @ w.reshape(-1, w.shape[-1]).T, y.shape)
    phases = w[::-1, ::-1].reshape(2, 2, 2, 2, *w.shape[2:]).transpose(1, 3, 0, 2, 5, 4)

    def phase(a: int, b: int) -> Array:
        padding = ((1 - a, a), (1 - b, b))
        return lax.conv_general_dilated(y, phases[a, b], (1, 1), padding, dimension_numbers=_LAYOUT)

    rows = [[phase(a, b) for b in (0, 1)] for a in (0, 1)]
    interleaved = jnp.stack([jnp.stack(row, axis=3) for row in rows], axis=2)
    n, height, width, _ = y.shape
    return interleaved.reshape(n, 2 * height, 2 * width, -1)


@jax.custom_vjp
def kernel(x: Image, y: Half) -> Kernel:
    """Gradient of <y, down(x, w)> in w: [n, h, w, c] with [n, h/2, w/2, d] to [4, 4, c, d]."""
    if on_cpu() and x.shape[-1] <= NARROW:
        product = _windows(x).T @ y.reshape(-1, y.shape[-1])
        return product.reshape(SIZE, SIZE, x.shape[-1], -1)
    return plain_kernel(x, y)


def plain_down(x: Image, w: Kernel) -> Half:
    """`down` as XLA has it."""
    return lax.conv_general_dilated(x, w, (2, 2), "SAME", dimension_numbers=_LAYOUT)


def plain_up(y: Half, w: Kernel) -> Image:
    """`up` as XLA has it: of `y` with zeros between its rows and columns."""
    n, height, width, _ = y.shape
    image = jax.ShapeDtypeStruct((n, 2 * height, 2 * width, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: plain_down(x, w), image)(y)[0]


def plain_kernel(x: Image, y: Half) -> Kernel:
    """`kernel` as XLA has it."""
    zero = jax.ShapeDtypeStruct((SIZE, SIZE, x.shape[-1], y.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda w: plain_down(x, w), zero)(y)[0]


def _saved(function):
    return lambda a, b: (function(a, b), (a, b))


down.defvjp(_saved(down), lambda xw, y: (up(y, xw[1]), kernel(xw[0], y)))
up.defvjp(_saved(up), lambda yw, x: (down(x, yw[1]), kernel(x, yw[0])))
kernel.defvjp(_saved(kernel), lambda xy, w: (up(xy[1], w), down(xy[0], w)))


def _half(shape: tuple[int, ...]) -> tuple[int, int, int]:
    n, height, width, _ = shape
    return n, height // 2, width // 2


def _windows(x: Image) -> Float[Array, "m k"]:
    """The 4x4 windows at stride 2 as rows, flattened like a kernel: m = n h/2 w/2, k = 16 c."""
    n, height, width = _half(x.shape)
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    # Two columns are neighbours in memory; a row of a window is a pair and the next.
    pairs = padded.reshape(n, height + 1, 2, width + 1, 2 * x.shape[-1])
    rows = jnp.concatenate([pairs[..., :-1, :], pairs[..., 1:, :]], axis=-1)
    above, below = rows[:, :-1], rows[:, 1:]
    taps = [above[:, :, 0], above[:, :, 1], below[:, :, 0], below[:, :, 1]]
    return jnp.concatenate(taps, axis=-1).reshape(n * height * width, -1)


def _overlapped(windows: Float[Array, "m k"], half: tuple[int, ...]) -> Image:
    """The transpose of `_windows`: every window added where it was, for `y` of shape `half`."""
    n, height, width, _ = half
    taps = windows.reshape(n, height, width, SIZE, SIZE, -1)
    rows = _added([taps[:, :, :, i] for i in range(SIZE)], axis=1)
    return _added([rows[..., i, :] for i in range(SIZE)], axis=2)


def _added(taps: list[Array], axis: int) -> Array:
    """Adds places 2m - 1, 2m, 2m + 1 and 2m + 2 of every m along an axis of half the length."""
    before, even, odd, after = taps
    length = even.shape[axis]
    zero = jnp.zeros_like(lax.slice_in_dim(even, 0, 1, axis=axis))
    from_left = jnp.concatenate([zero, lax.slice_in_dim(after, 0, length - 1, axis=axis)], axis)
    from_right = jnp.concatenate([lax.slice_in_dim(before, 1, length, axis=axis), zero], axis)
    both = jnp.stack([even + from_left, odd + from_right], axis + 1)
    return both.reshape(*even.shape[:axis], 2 * length, *even.shape[axis + 1 :])
