"""Sums and products that XLA:CPU is slow at, against the forms used here, in pairs.

python benchmarks/sums.py

For the activations of a 32x32 network: the sum over batch and positions (a bias's gradient), the
two sums of batch norm's gradient, batch norm with its gradients against Flax's, and the gradient of
a dense layer in its input. Milliseconds, plain and ours called in turn, medians.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from strided import paired

from gen_jax.core import parallel, sums, xla
from gen_jax.nets import layers
from gen_jax.nets.batch_norm import BatchNorm

SHAPES = ((256, 16, 16, 64), (256, 8, 8, 128), (128, 16, 16, 32))
DENSE = ((128, 4160, 512), (256, 2048, 256), (128, 784, 512))
POSITIONS = (0, 1, 2)


def trained(layer: nn.Module, *arguments: Any) -> Callable:
    """(images, cotangent) -> a batch norm's outputs and its gradients in images and parameters."""

    def call(x, dy):
        params = {"scale": jnp.ones(x.shape[-1:]), "bias": jnp.zeros(x.shape[-1:])}
        stats = {"mean": jnp.zeros(x.shape[-1:]), "var": jnp.ones(x.shape[-1:])}

        def apply(params, x):
            variables = {"params": params, "batch_stats": stats}
            return layer.apply(variables, x, *arguments, mutable=["batch_stats"])

        y, pullback, moments = jax.vjp(apply, params, x, has_aux=True)
        return y, pullback(dy), moments

    return jax.jit(parallel.alone(call))


def main() -> None:
    """Prints a Markdown table."""
    xla.prepare()
    print(f"JAX {jax.__version__}, {jax.devices()[0].device_kind}\n")
    print("| of | what | plain, ms | ours, ms | ratio |\n| --- | --- | --- | --- | --- |")

    def row(of: Any, what: str, plain: Callable, ours: Callable, *args: jax.Array) -> None:
        before, after = paired(jax.jit(plain), jax.jit(ours), *args)
        size = "x".join(map(str, of))
        print(
            f"| {size} | {what} | {before:.2f} | {after:.2f} | {before / after:.1f} |", flush=True
        )

    for shape in SHAPES:
        x, dy = (jax.random.normal(key, shape) for key in jax.random.split(jax.random.key(0)))
        row(shape, "sum", lambda x: jnp.sum(x, POSITIONS), sums.channels, x)
        row(
            shape,
            "sum, sum of products",
            lambda x, y: (jnp.sum(x, POSITIONS), jnp.sum(x * y, POSITIONS)),
            lambda x, y: (
                sums.channels(x),
                sums.batch(sums.positions(lambda a, b: a * b, x, y)),
            ),
            x,
            dy,
        )
        flax = trained(nn.BatchNorm(False, axis_name=parallel.AXIS))
        row(shape, "batch norm and gradients", flax, trained(BatchNorm(), True), x, dy)
    for n, c, d in DENSE:
        out = jax.random.normal(jax.random.key(0), (n, d))
        kernel = jax.random.normal(jax.random.key(1), (c, d))

        def plain(out, kernel):
            return out @ kernel.T

        def ours(out, kernel):
            zero = jnp.zeros((len(out), len(kernel)))
            return jax.vjp(lambda x: layers.product(x, kernel), zero)[1](out)[0]

        row((n, c, d), "dense, d input", plain, ours, out, kernel)


if __name__ == "__main__":
    main()
