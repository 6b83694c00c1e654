import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from gen_jax.nets.layers import Conv, ConvTranspose, Dense, Embed, Projection, leaky_relu

KEY = jax.random.key(0)


def with_bias(variables):
    """The variables with biases that show."""
    bias = variables["params"]["bias"]
    return {"params": variables["params"] | {"bias": jnp.arange(1.0, len(bias) + 1)}}


def test_leaky_relu_slopes():
    np.testing.assert_allclose(leaky_relu(jnp.array([-2.0, 0.0, 3.0])), [-0.4, 0, 3], rtol=1e-6)


def test_dense_is_affine():
    x = jax.random.normal(KEY, (3, 4))
    variables = with_bias(Dense(2).init(KEY, x))
    kernel = variables["params"]["kernel"]
    assert kernel.shape == (4, 2)
    np.testing.assert_allclose(
        Dense(2).apply(variables, x), x @ kernel + np.array([[1, 2]]), rtol=1e-5
    )


@pytest.mark.parametrize("size", [1, 3, 5])
def test_stride_1_convolution_is_a_correlation_padded_to_the_same_size(size):
    x = jax.random.normal(KEY, (2, 6, 4, 3))
    layer = Conv(2, size=size)
    variables = with_bias(layer.init(KEY, x))
    kernel = np.asarray(variables["params"]["kernel"])
    assert kernel.shape == (size, size, 3, 2)
    expected = np.zeros((2, 6, 4, 2))
    for n, i, o in np.ndindex(2, 3, 2):
        expected[n, ..., o] += scipy.signal.correlate2d(x[n, ..., i], kernel[..., i, o], "same")
    np.testing.assert_allclose(
        layer.apply(variables, x), expected + np.array([1, 2]), rtol=1e-4, atol=1e-5
    )


def test_stride_2_convolution_is_every_second_window():
    x = jax.random.normal(KEY, (1, 6, 4, 1))
    layer = Conv(1, stride=2)
    variables = with_bias(layer.init(KEY, x))
    kernel = np.asarray(variables["params"]["kernel"])[..., 0, 0]
    windows = scipy.signal.correlate2d(np.pad(x[0, ..., 0], 1), kernel, "valid")
    out = layer.apply(variables, x)
    assert out.shape == (1, 3, 2, 1)
    np.testing.assert_allclose(out[0, ..., 0], windows[::2, ::2] + 1, rtol=1e-4, atol=1e-5)


def test_transposed_convolution_spreads_each_pixel_over_a_window():
    y = jax.random.normal(KEY, (1, 3, 2, 2))
    layer = ConvTranspose(1)
    variables = with_bias(layer.init(KEY, y))
    kernel = np.asarray(variables["params"]["kernel"])
    assert kernel.shape == (4, 4, 1, 2)
    canvas = np.zeros((8, 6))
    for i, j, d in np.ndindex(3, 2, 2):
        canvas[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += y[0, i, j, d] * kernel[..., 0, d]
    out = layer.apply(variables, y)
    assert out.shape == (1, 6, 4, 1)
    np.testing.assert_allclose(out[0, ..., 0], canvas[1:-1, 1:-1] + 1, rtol=1e-4, atol=1e-5)


def test_initial_layers_keep_the_variance():
    x = jax.random.normal(KEY, (4, 16, 16, 32))
    init = jax.random.key(1)
    for layer in (Conv(32), Conv(32, stride=2), ConvTranspose(32)):
        out = layer.apply(layer.init(init, x), x)
        # Away from the padded border, where fewer taps meet the image.
        np.testing.assert_allclose(jnp.var(out[:, 2:-2, 2:-2]), 1, atol=0.12)
    flat = x.reshape(-1, 32)
    np.testing.assert_allclose(
        jnp.var(Dense(32).apply(Dense(32).init(init, flat), flat)), 1, atol=0.1
    )


def test_embed_looks_up_a_vector_per_class():
    labels = jnp.array([2, 0, 2])
    variables = Embed(4, 3).init(KEY, labels)
    table = variables["params"]["table"]
    assert table.shape == (4, 3)
    np.testing.assert_array_equal(
        Embed(4, 3).apply(variables, labels), np.asarray(table)[[2, 0, 2]]
    )


def test_a_class_says_as_much_at_first_as_all_classes_together():
    x, labels = jax.random.normal(KEY, (4096, 64)), jnp.arange(4096) % 100
    of_class = Projection(100).apply(Projection(100).init(KEY, x, labels), x, labels)
    of_all = Dense(1).apply(Dense(1).init(KEY, x), x)
    np.testing.assert_allclose(jnp.var(of_class), 1, atol=0.1)
    np.testing.assert_allclose(jnp.var(of_all), jnp.var(of_class), rtol=0.5)  # of 64 numbers drawn
