"""The layers of `gen_jax.nets.strided` against plain lax, in pairs.

python benchmarks/strided.py [--flags=ours|xla]

For each layer shape of a 32x32 network at batch 128: milliseconds of the layer and of its gradients
in input and kernel, plain and ours called in turn, medians; the last column is the ratio. `--flags`
takes XLA as `gen_jax.core.xla` sets it, or as it comes.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax

from gen_jax.core import xla
from gen_jax.nets import strided

BATCH, PAIRS = 128, 9
LAYERS = ((32, 3, 64), (16, 64, 128), (8, 128, 256))  # (side, channels, channels at half the side)


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
    parser = argparse.ArgumentParser(description="strided convolutions, ours and plain")
    parser.add_argument("--flags", choices=("ours", "xla"), default="ours")
    if parser.parse_args().flags == "ours":
        xla.prepare()
    print(f"JAX {jax.__version__}, {jax.devices()[0].device_kind}, batch {BATCH}\n")
    print("| layer | what | plain, ms | ours, ms | ratio |\n| --- | --- | --- | --- | --- |")
    for side, c, d in LAYERS:
        x_key, w_key, y_key = jax.random.split(jax.random.key(0), 3)
        x = jax.random.normal(x_key, (BATCH, side, side, c))
        w = jax.random.normal(w_key, (strided.SIZE, strided.SIZE, c, d))
        y = jax.random.normal(y_key, (BATCH, side // 2, side // 2, d))
        for name, plain, ours, args in (
            ("down", strided.plain_down, strided.down, (x, w, y)),
            ("up", strided.plain_up, strided.up, (y, w, x)),
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
