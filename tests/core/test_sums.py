"""Sums by slices are sums: in value, in every derivative, on every backend's form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_jax.core import sums

SHAPES = [(3, 16, 16, 5), (128, 4), (1, 1, 1, 1), (37, 6, 34, 2), (512, 3)]


@pytest.fixture(params=[True, False], ids=["cpu", "elsewhere"])
def backend(request, monkeypatch):
    monkeypatch.setattr(sums, "on_cpu", lambda: request.param)
    return request.param


def images(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_over_positions_batch_and_both(backend, shape):
    x, y = images(shape), images(shape, 1)
    middle = tuple(range(1, len(shape) - 1))
    of_product = sums.positions(lambda a, b: a * b, x, y)
    np.testing.assert_allclose(of_product, (x * y).sum(middle), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sums.batch(jnp.asarray(x)), x.sum(0), rtol=1e-4, atol=1e-4)
    total = sums.channels(jnp.asarray(x))
    np.testing.assert_allclose(total, x.sum((0, *middle)), rtol=1e-4, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 40))
def test_an_axis_of_any_length_is_summed_whole(n, height):
    x = jnp.ones((n, height, 1, 2))
    assert sums.channels(x).tolist() == [n * height] * 2


@pytest.mark.parametrize("shape", SHAPES)
def test_spread_and_channels_are_each_others_transpose_to_any_order(backend, shape):
    x, v = jnp.asarray(images(shape)), jnp.asarray(images(shape[-1:], 1))
    left = jnp.vdot(sums.spread(v, shape), x)
    np.testing.assert_allclose(left, jnp.vdot(v, sums.channels(x)), rtol=1e-3, atol=1e-3)

    def ours(v, x):
        return jnp.sum(jnp.square(sums.channels(jnp.sin(x + sums.spread(v, shape)))))

    def plain(v, x):
        return jnp.sum(jnp.square(jnp.sum(jnp.sin(x + v), axis=tuple(range(x.ndim - 1)))))

    def slope(function):
        """A gradient penalty: differentiated once inside."""
        return lambda v, x: jnp.sum(jnp.square(jax.grad(function, argnums=1)(v, x)))

    with jax.numpy_rank_promotion("allow"):
        for one, other in ((ours, plain), (slope(ours), slope(plain))):
            found, wanted = (jax.grad(f, argnums=(0, 1))(v, x) for f in (one, other))
            for a, b in zip(found, wanted, strict=True):
                scale = np.max(np.abs(b)) + 1e-6
                np.testing.assert_allclose(a / scale, b / scale, atol=2e-4)


def test_many_values_round_less_than_one_after_the_other():
    x = np.random.default_rng(0).random((256, 16, 16, 3), np.float32)
    exact = x.astype(np.float64).sum((0, 1, 2))
    assert np.max(np.abs(sums.channels(jnp.asarray(x)) / exact - 1)) < 5e-7
