import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.nets.layers import Conv
from gen_jax.nets.resnet import DownBlock, ResNetDiscriminator, UpBlock

LABELS = jnp.zeros(2, jnp.int32)
X = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))


def conv(x, params):
    """The convolution these parameters belong to."""
    size, _, _, features = params["kernel"].shape
    return Conv(features, size=size).apply({"params": params}, x)


def double(x):
    """Nearest-neighbour upsampling by indexing."""
    rows, columns = np.arange(2 * x.shape[1]) // 2, np.arange(2 * x.shape[2]) // 2
    return x[:, rows][:, :, columns]


def halve(x):
    """Means of 2x2 pixels."""
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def made_up(module, x=X):
    """Parameters of which no bias is zero."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(1), x, LABELS, False))["params"]
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: rng.normal(0, 0.5, leaf.shape).astype(leaf.dtype), shapes)


def test_an_up_block_equals_one_that_upsamples_before_its_shortcut():
    block = UpBlock(5, norm="none", num_classes=0)
    params = made_up(block)
    out = block.apply({"params": params}, X, LABELS, False)
    # The paper's order: the shortcut's 1x1 convolution, here Conv_1, comes after upsampling.
    assert params["Conv_1"]["kernel"].shape == (1, 1, 3, 5)
    shortcut = conv(double(X), params["Conv_1"])
    residual = conv(double(jnp.maximum(X, 0)), params["Conv_0"])
    residual = conv(jnp.maximum(residual, 0), params["Conv_2"])
    assert out.shape == (2, 8, 12, 5)
    np.testing.assert_allclose(out, shortcut + residual, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("first", [True, False])
def test_a_halving_block_is_shortcut_plus_residual(first):
    block = DownBlock(5, first=first)
    params = made_up(block)
    out = block.apply({"params": params}, X, LABELS, False)
    residual = conv(X if first else jnp.maximum(X, 0), params["Conv_0"])
    residual = conv(jnp.maximum(residual, 0), params["Conv_1"])
    shortcut = conv(halve(X), params["Conv_2"])
    assert out.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(out, halve(residual) + shortcut, rtol=1e-4, atol=1e-5)


def test_a_block_of_the_same_size_and_width_has_an_identity_shortcut():
    block = DownBlock(3, down=False)
    params = made_up(block)
    assert sorted(params) == ["Conv_0", "Conv_1"]
    residual = conv(jnp.maximum(X, 0), params["Conv_0"])
    residual = conv(jnp.maximum(residual, 0), params["Conv_1"])
    out = block.apply({"params": params}, X, LABELS, False)
    np.testing.assert_allclose(out, X + residual, rtol=1e-4, atol=1e-5)


def test_the_discriminator_halves_twice_and_sums_over_pixels():
    images = jax.random.normal(jax.random.key(2), (2, 8, 8, 3))
    widths = (5, 5, 5)
    module = ResNetDiscriminator(widths, 0, spectral_norm=False)
    params = made_up(module, images)
    x = images
    for i, width in enumerate(widths):
        block = DownBlock(width, down=i < 2, first=i == 0)
        x = block.apply({"params": params[f"DownBlock_{i}"]}, x, LABELS, False)
    assert x.shape == (2, 2, 2, 5)
    _, features = module.apply({"params": params}, images, LABELS, False)
    expected = np.maximum(np.asarray(x), 0).reshape(2, 4, 5).sum(axis=1)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
