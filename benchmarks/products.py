"""Every convolution and matrix product of a training step by itself, on this machine's CPU.

python benchmarks/products.py --config=vae_cifar10

The step of a config is compiled as `run.py` compiles it, its convolutions and products are read off
the program, and each is timed alone, on random numbers. Beside the time of the whole step, on a
batch that stays, that says how much of it they are and at what rate each runs: what XLA:CPU's
profile does not say (`train/profile.py`).
"""

import argparse
import collections
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import sides

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from gen_jax.core import xla  # noqa: E402

xla.prepare()

import jax  # noqa: E402
from jax import lax  # noqa: E402

REPEATS = 9
_SHAPE = re.compile(r"%([\w.-]+) = f32\[([\d,]*)\]")
_PRODUCT = re.compile(
    r"%[\w.-]+ = f32\[[\d,]*\]\S* (convolution|dot)\(([^)]*)\)(.*)$", re.MULTILINE
)


class Product(NamedTuple):
    """A convolution or a product of two arrays, as the program has it.

    Attributes:
      opcode: "convolution" or "dot".
      left, right: shapes.
      how: of a convolution, its window and the order of its axes; of a product, the axes summed.
    """

    opcode: str
    left: tuple[int, ...]
    right: tuple[int, ...]
    how: tuple[str, ...]


def products(program: str) -> collections.Counter[Product]:
    """How often each is in a compiled program."""
    shapes = {
        name: tuple(int(side) for side in sides_.split(",") if side)
        for name, sides_ in _SHAPE.findall(program)
    }
    found: collections.Counter[Product] = collections.Counter()
    for opcode, operands, attributes in _PRODUCT.findall(program):
        left, right = (shapes[name] for name in re.findall(r"%([\w.-]+)", operands)[:2])
        if opcode == "convolution":
            window = re.search(r"window=\{([^}]*)\}", attributes)
            labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", attributes)
            if window is None or labels is None or "batch_group_count" in attributes:
                continue
            how = (window[1], *labels.groups())
        else:
            axes = re.findall(r"[lr]hs_contracting_dims=\{(\d+)\}", attributes)
            if len(axes) != 2 or "batch_dims" in attributes:
                continue
            how = tuple(axes)
        found[Product(opcode, left, right, how)] += 1
    return found


def function(product: Product) -> tuple[Callable, float]:
    """The product as a function of two arrays, and its FLOPs, zeros of padding included."""
    left, right, how = product.left, product.right, product.how
    if product.opcode == "dot":
        axes = (((int(how[0]),), (int(how[1]),)), ((), ()))
        summed = left[int(how[0])]
        outputs = jax.eval_shape(lambda a, b: lax.dot_general(a, b, axes), *_arrays(left, right))
        return lambda a, b: lax.dot_general(a, b, axes), 2.0 * outputs.size * summed
    window = dict(re.findall(r"(\w+)=(\S+)", how[0]))
    names = str.maketrans({"b": "N", "f": "C", "i": "I", "o": "O", "0": "H", "1": "W"})
    layout = tuple(labels.translate(names) for labels in how[1:])

    def pair(key: str, default: str) -> tuple[int, ...]:
        return tuple(int(each) for each in window.get(key, default).split("x"))

    sides_ = window.get("pad", "0_0x0_0").split("x")
    padding = [tuple(int(each) for each in side.split("_")) for side in sides_]

    def convolve(a: jax.Array, b: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            a,
            b,
            pair("stride", "1x1"),
            padding,
            pair("lhs_dilate", "1x1"),
            pair("rhs_dilate", "1x1"),
            layout,
        )

    outputs = jax.eval_shape(convolve, *_arrays(left, right))
    taps = [right[how[2].index(label)] for label in "i01"]
    return convolve, 2.0 * outputs.size * taps[0] * taps[1] * taps[2]


def _arrays(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(0))
    return jax.random.normal(keys[0], left), jax.random.normal(keys[1], right)


def milliseconds(call: Callable, *args: jax.Array) -> float:
    """Median of several calls of the compiled function."""
    compiled, times = jax.jit(call), []
    jax.block_until_ready(compiled(*args))
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*args))
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Prints a Markdown table, the longest first."""
    parser = argparse.ArgumentParser(description="convolutions and products of a step")
    parser.add_argument("--config", default="vae_cifar10", help="a name in configs/")
    parser.add_argument("--rows", type=int, default=12)
    flags = parser.parse_args()
    request = {"root": str(HERE.parent), "config": flags.config, "overrides": [], "program": True}
    command = [sys.executable, str(HERE / "train_gen_jax.py"), json.dumps(request)]
    with sides.Side(command) as side:
        program = side.about["program"]
        step = 1e3 * statistics.median(side.run(5) / 5 for _ in range(3))
    rows: list[tuple[float, str]] = []
    whole = work = 0.0
    for product, count in products(program).items():
        call, flops = function(product)
        each = milliseconds(call, *_arrays(product.left, product.right))
        whole, work = whole + count * each, work + count * flops
        about = f"{'x'.join(map(str, product.left))} * {'x'.join(map(str, product.right))}"
        row = f"| {product.opcode} {about} {product.how[0]} | {count} | {each:.2f} "
        rows.append((count * each, f"{row}| {flops / each / 1e6:.0f} |"))
    print(f"A step of {flags.config} takes {step:.1f} ms; its convolutions and products alone")
    print(f"{whole:.1f} ms, {work / 1e9:.1f} GFLOP at {work / whole / 1e6:.0f} GFLOP/s.\n")
    print("| what | times | ms each | GFLOP/s |\n| --- | --- | --- | --- |")
    for _, row in sorted(rows, key=lambda pair: -pair[0])[: flags.rows]:
        print(row)


if __name__ == "__main__":
    main()
