"""Batch normalisation over the global batch, with its sums written out.

Ioffe & Szegedy 2015. For inputs x [n, ..., c], the mean and variance of every channel over batch
and positions of all devices, and a gain g and bias b, of each channel or of each example's channel
(conditional batch norm),

    y = g (x - mean) / sqrt(var + EPSILON) + b

takes two sums over all of x forwards, of x and its square, and two backwards, of dy and dy (x -
mean), each of which `core.sums` takes in one pass over memory.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from gen_jax.core import parallel, sums

EPSILON = 1e-5
MOMENTUM = 0.9
"""What running moments keep of themselves in a step."""

Inputs = Float[Array, "n ... c"]
Channels = Float[Array, "m c"]


class BatchNorm(nn.Module):
    """Normalises, then scales and shifts: by a gain and bias [n, c] given, or by its own [c].

    In training by the moments of the global batch (under the axis of `parallel.pmap`), in
    evaluation by running ones.
    """

    @nn.compact
    def __call__(
        self,
        x: Inputs,
        train: bool,
        gain: Float[Array, "n c"] | None = None,
        bias: Float[Array, "n c"] | None = None,
    ) -> Inputs:
        shape = x.shape[-1:]
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        var = self.variable("batch_stats", "var", jnp.ones, shape)
        if gain is None or bias is None:
            gain = self.param("scale", nn.initializers.ones_init(), shape)[None]
            bias = self.param("bias", nn.initializers.zeros_init(), shape)[None]
        if not train:
            return _scaled(x, mean.value[None], gain * _inverse(var.value), bias)
        first, second = parallel.pmean(_means(x))
        moments = first, jnp.maximum(second - jnp.square(first), 0.0)
        for running, moment in zip((mean, var), moments, strict=True):
            running.value = MOMENTUM * running.value + (1 - MOMENTUM) * moment
        return _scaled(x, first[None], gain * _inverse(moments[1]), bias)


@jax.custom_vjp
def _means(x: Inputs) -> tuple[Float[Array, "c"], Float[Array, "c"]]:
    """The means of x and of its square over this device's batch and positions, in float32."""
    count = x.size // x.shape[-1]
    first, second = sums.positions(_wide, x), sums.positions(lambda x: jnp.square(_wide(x)), x)
    return sums.batch(first) / count, sums.batch(second) / count


def _means_pullback(x, cotangents):
    count = x.size // x.shape[-1]
    first, second = (_over(each[None] / count, x) for each in cotangents)
    return ((first + 2 * second * x).astype(x.dtype),)


@jax.custom_vjp
def _scaled(x: Inputs, mean: Channels, scale: Channels, bias: Channels) -> Inputs:
    """(x - mean) scale + bias, each of one row or of one for every example."""
    y = (x - _over(mean, x)) * _over(scale, x) + _over(bias, x)
    return y.astype(x.dtype)


def _scaled_pullback(saved, dy):
    x, mean, scale, bias = saved

    def product(dy, x):
        return _wide(dy) * (x - _over(mean, x))

    of_bias, of_scale = sums.positions(_wide, dy), sums.positions(product, dy, x)
    of_mean = -sums.batch(scale * of_bias)[None]
    if len(scale) == 1:
        of_scale = sums.batch(of_scale)[None]
    if len(bias) == 1:
        of_bias = sums.batch(of_bias)[None]
    return (_over(scale, x) * dy).astype(x.dtype), of_mean, of_scale, of_bias


_means.defvjp(lambda x: (_means(x), x), _means_pullback)
_scaled.defvjp(lambda *inputs: (_scaled(*inputs), inputs), _scaled_pullback)


def _inverse(var: Float[Array, "c"]) -> Channels:
    return jax.lax.rsqrt(var + EPSILON)[None]


def _over(values: Channels, x: Inputs) -> Float[Array, "m ... c"]:
    """With axes of length 1 for the positions of x."""
    return values.reshape(len(values), *(1,) * (x.ndim - 2), -1)


def _wide(x: Inputs) -> Inputs:
    return x.astype(jnp.float32)
