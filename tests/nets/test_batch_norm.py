"""Batch norm against Flax's, which JAX differentiates by itself."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel
from gen_jax.nets.batch_norm import BatchNorm

RNG = np.random.default_rng(0)


def arrays(shape, rows):
    x = RNG.normal(1.0, 2.0, shape).astype(np.float32)
    gain, bias = RNG.normal(size=(2, rows, shape[-1])).astype(np.float32)
    target = RNG.normal(size=shape).astype(np.float32)
    return x, gain, bias, target


def ours(x, gain, bias):
    layer = BatchNorm()
    return layer.apply(_stats(x.shape[-1]), x, True, gain, bias, mutable=["batch_stats"])


def flax(x, gain, bias):
    layer = nn.BatchNorm(
        use_running_average=False,
        momentum=0.9,
        use_scale=False,
        use_bias=False,
        axis_name=parallel.AXIS,
    )
    y, stats = layer.apply(_stats(x.shape[-1]), x, mutable=["batch_stats"])
    places = (len(gain), *(1,) * (x.ndim - 2), -1)
    return y * gain.reshape(places) + bias.reshape(places), stats


def _stats(channels):
    return {"batch_stats": {"mean": jnp.full(channels, 0.3), "var": jnp.full(channels, 1.7)}}


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("shape", [(16, 8, 8, 5), (16, 7)])
def test_values_moments_and_gradients_are_those_of_flax(shape, conditional, devices):
    x, gain, bias, target = arrays(shape, 16 if conditional else 1)

    def of(layer):
        def loss(x, gain, bias, target):
            y, stats = layer(x, gain, bias)
            return jnp.sum(jnp.sin(y) * target), (y, stats)

        def call(x, gain, bias, target):
            gradient = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
            (_, aux), grads = gradient(x, gain, bias, target)
            return aux, grads

        def split(leaf):
            if len(leaf) == 1:
                return np.stack([leaf] * devices)
            return leaf.reshape(devices, -1, *leaf.shape[1:])

        return parallel.pmap(call)(*map(split, (x, gain, bias, target)))

    found, wanted = jax.tree.leaves(of(ours)), jax.tree.leaves(of(flax))
    assert len(found) == len(wanted) == 6
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4 * np.max(np.abs(b)))


def test_a_gradient_of_a_gradient_is_that_of_flax():
    x, gain, bias, target = arrays((8, 4, 4, 3), 1)

    def of(layer):
        def loss(x):
            return jnp.sum(jnp.sin(layer(x, gain, bias)[0]) * target)

        def penalty(x):
            return jnp.sum(jnp.square(jax.grad(loss)(x)))

        return parallel.alone(jax.grad(penalty))(x)

    found, wanted = of(ours), of(flax)
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3 * np.max(np.abs(wanted)))


def test_it_is_differentiated_from_outside_its_axis_as_from_inside():
    x, gain, bias, target = arrays((8, 4, 4, 3), 8)
    y = parallel.alone(lambda x: ours(x, gain, bias)[0])
    outside = jax.grad(lambda x: jnp.sum(jnp.sin(y(x)) * target))(x)
    loss = lambda x: jnp.sum(jnp.sin(ours(x, gain, bias)[0]) * target)  # noqa: E731
    np.testing.assert_allclose(outside, parallel.alone(jax.grad(loss))(x), rtol=1e-5, atol=1e-6)


def test_half_precision_keeps_its_type_and_sums_in_single():
    x = jnp.full((512, 8, 8, 2), 3.0, jnp.bfloat16).at[0].set(1.0)
    y, stats = parallel.alone(lambda x: ours(x, jnp.ones((1, 2)), jnp.zeros((1, 2))))(x)
    assert y.dtype == jnp.bfloat16
    moments = stats["batch_stats"]
    exact = np.asarray(x, np.float64).mean((0, 1, 2))
    np.testing.assert_allclose(moments["mean"], 0.9 * 0.3 + 0.1 * exact, rtol=1e-5)
    assert all(moment.dtype == jnp.float32 for moment in moments.values())
