"""Strided convolutions and their transposes: `gen_jax.nets.strided` against plain lax, in pairs.

python benchmarks/strided.py

For each layer shape of a 32x32 network at batch 128: milliseconds of the layer and of its gradients
in input and kernel, plain and ours called in turn, medians; the last column is the ratio.
"""

import statistics
import time
from collections.abc import Callable

import jax
from jax import lax

from gen_jax.nets import strided

BATCH, PAIRS = 128, 9
LAYERS = ((32, 3, 64), (16, 64, 128), (8, 128, 256))  # (side, channels, channels at half the side)


def plain_down(x: jax.Array, w: jax.Array) -> jax.Array:
    """The convolution, its gradients left to autodiff."""
    return lax.conv_general_dilated(
        x, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def plain_up(y: jax.Array, w: jax.Array) -> jax.Array:
    """The transposed convolution as XLA writes it, its gradients left to autodiff."""
    n, height, width, _ = y.shape
    image = jax.ShapeDtypeStruct((n, 2 * height, 2 * width, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: plain_down(x, w), image)(y)[0]


def gradients(layer: Callable) -> dict[str, Callable]:
    """The layer (inputs, kernel, cotangent of the output) -> outputs, and both its gradients."""
    return {
        "layer": jax.jit(lambda a, w, g: layer(a, w)),
        "d input": jax.jit(lambda a, w, g: jax.vjp(lambda a: layer(a, w), a)[1](g)),
        "d kernel": jax.jit(lambda a, w, g: jax.vjp(lambda w: layer(a, w), w)[1](g)),
    }


def paired(plain: Callable, ours: Callable, *args: jax.Array) -> tuple[float, float]:
    """Median milliseconds of each, called in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS + 1):
        for function, kept in zip((plain, ours), times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(function(*args))
            kept.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def main() -> None:
    """Prints a Markdown table."""
    print(f"JAX {jax.__version__}, {jax.devices()[0].device_kind}, batch {BATCH}\n")
    print("| layer | what | plain, ms | ours, ms | ratio |\n| --- | --- | --- | --- | --- |")
    for side, c, d in LAYERS:
        x_key, w_key, y_key = jax.random.split(jax.random.key(0), 3)
        x = jax.random.normal(x_key, (BATCH, side, side, c))
        w = jax.random.normal(w_key, (strided.SIZE, strided.SIZE, c, d))
        y = jax.random.normal(y_key, (BATCH, side // 2, side // 2, d))
        for name, plain, ours, args in (
            ("down", plain_down, strided.down, (x, w, y)),
            ("up", plain_up, strided.up, (y, w, x)),
        ):
            functions = zip(gradients(plain).items(), gradients(ours).values(), strict=True)
            for (what, one), other in functions:
                before, after = paired(one, other, *args)
                print(
                    f"| {name} {side}x{side}x{c} - {side // 2}x{side // 2}x{d} | {what} "
                    f"| {before:.1f} | {after:.1f} | {before / after:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
