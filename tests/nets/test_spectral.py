import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.nets.layers import Conv, Dense, Projection, spectral_normalise


class Kernel(nn.Module):
    """A kernel alone: the normalised kernel is the output."""

    shape: tuple

    @nn.compact
    def __call__(self, train):
        kernel = self.param("kernel", nn.initializers.normal(1.0), self.shape)
        return spectral_normalise(self, kernel, train)


def made(shape, seed=0):
    module = Kernel(shape)
    return module, module.init(jax.random.key(seed), True)


def train(module, variables, times):
    call = jax.jit(lambda v: module.apply(v, True, mutable=["batch_stats"]))
    for _ in range(times):
        out, stats = call(variables)
        variables = variables | stats
    return out, variables


def unit(vector):
    return vector / np.linalg.norm(vector)


def one_iteration(kernel, right):
    """left, right and sigma after one power iteration, in numpy."""
    matrix = np.asarray(kernel).reshape(-1, kernel.shape[-1])
    left = unit(matrix @ np.asarray(right))
    right = unit(matrix.T @ left)
    return left, right, left @ matrix @ right


@pytest.mark.parametrize("shape", [(6, 4), (3, 5), (4, 4, 3, 5), (1, 1, 4, 2)])
def test_the_divisor_converges_to_the_largest_singular_value(shape):
    module, variables = made(shape)
    kernel = np.asarray(variables["params"]["kernel"])
    out, _ = train(module, variables, 100)
    largest = np.linalg.svd(kernel.reshape(-1, shape[-1]), compute_uv=False)[0]
    np.testing.assert_allclose(out, kernel / largest, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 4), (4, 4, 3, 5)])
def test_the_divisor_is_kept_and_converges_to_the_largest_singular_value(shape):
    module, variables = made(shape)
    kernel = np.asarray(variables["params"]["kernel"])
    right = variables["batch_stats"]["right_singular"]
    # From the start it is that of the first call.
    *_, sigma = one_iteration(kernel, right)
    np.testing.assert_allclose(variables["batch_stats"]["sigma"], sigma, rtol=1e-5)
    out, after = train(module, variables, 1)
    np.testing.assert_allclose(after["batch_stats"]["sigma"], sigma, rtol=1e-5)
    out, after = train(module, variables, 100)
    sigma = after["batch_stats"]["sigma"]
    assert sigma.shape == ()
    assert sigma.dtype == jnp.float32
    largest = np.linalg.svd(kernel.reshape(-1, shape[-1]), compute_uv=False)[0]
    np.testing.assert_allclose(sigma, largest, rtol=1e-4)
    np.testing.assert_allclose(out * sigma, kernel, rtol=1e-5)


def test_evaluation_leaves_the_divisor_kept_alone():
    module, variables = made((6, 4))
    other = {"params": {"kernel": 3 * variables["params"]["kernel"]}}
    _, stats = module.apply(variables | other, False, mutable=["batch_stats"])
    kept = variables["batch_stats"]["sigma"]
    assert stats["batch_stats"]["sigma"] == kept
    _, stats = module.apply(variables | other, True, mutable=["batch_stats"])
    np.testing.assert_allclose(stats["batch_stats"]["sigma"], 3 * kept, rtol=1e-5)


def test_one_call_is_one_power_iteration():
    module, variables = made((6, 4))
    kernel, right = variables["params"]["kernel"], variables["batch_stats"]["right_singular"]
    np.testing.assert_allclose(np.linalg.norm(right), 1, rtol=1e-6)
    _, new_right, sigma = one_iteration(kernel, right)
    out, variables = train(module, variables, 1)
    np.testing.assert_allclose(out, kernel / sigma, rtol=1e-5)
    np.testing.assert_allclose(variables["batch_stats"]["right_singular"], new_right, rtol=1e-5)


def test_evaluation_uses_the_same_estimate_and_leaves_the_state_alone():
    module, variables = made((6, 4))
    out, stats = module.apply(variables, False, mutable=["batch_stats"])
    right = variables["batch_stats"]["right_singular"]
    np.testing.assert_array_equal(stats["batch_stats"]["right_singular"], right)
    trained, stats = module.apply(variables, True, mutable=["batch_stats"])
    np.testing.assert_allclose(out, trained, rtol=1e-6)
    assert not np.allclose(stats["batch_stats"]["right_singular"], right)


def test_initialising_does_not_advance_the_state():
    module, variables = made((6, 4))
    untrained = module.init(jax.random.key(0), False)
    np.testing.assert_array_equal(
        variables["batch_stats"]["right_singular"], untrained["batch_stats"]["right_singular"]
    )


def test_no_gradient_flows_through_the_singular_vectors():
    # From an unconverged vector, where differentiating through the iteration would show.
    module, variables = made((6, 4))
    kernel = np.asarray(variables["params"]["kernel"])
    left, right, sigma = one_iteration(kernel, variables["batch_stats"]["right_singular"])
    cotangent = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)

    def loss(params):
        out, _ = module.apply(variables | {"params": params}, True, mutable=["batch_stats"])
        return jnp.sum(cotangent * out)

    # d <C, K / sigma> with sigma = l' K r and l, r constant.
    expected = cotangent / sigma - np.sum(cotangent * kernel) / sigma**2 * np.outer(left, right)
    np.testing.assert_allclose(jax.grad(loss)(variables["params"])["kernel"], expected, rtol=1e-4)


def ramp(*shape):
    return jnp.linspace(-1, 1, math.prod(shape)).reshape(shape)


@pytest.mark.parametrize(
    ("layer", "plain", "inputs"),
    [
        (Dense(3, spectral_norm=True), Dense(3), (ramp(2, 5),)),
        (Conv(3, spectral_norm=True), Conv(3), (ramp(1, 4, 4, 4),)),
        (Conv(3, stride=2, spectral_norm=True), Conv(3, stride=2), (ramp(1, 4, 4, 4),)),
        (Projection(5, spectral_norm=True), Projection(5), (ramp(3, 4), jnp.array([4, 0, 2]))),
    ],
    ids=["dense", "conv", "strided", "projection"],
)
def test_layers_divide_their_kernel_and_not_their_bias(layer, plain, inputs):
    variables = layer.init(jax.random.key(0), *inputs)
    params = dict(variables["params"])
    if "bias" in params:
        params["bias"] = jnp.arange(3.0)
    right = variables["batch_stats"]["right_singular"]
    _, new_right, sigma = one_iteration(params["kernel"], right)
    out, stats = layer.apply(
        {"params": params, "batch_stats": variables["batch_stats"]},
        *inputs,
        True,
        mutable=["batch_stats"],
    )
    divided = params | {"kernel": params["kernel"] / sigma}
    expected = plain.apply({"params": divided}, *inputs)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        stats["batch_stats"]["right_singular"], new_right, rtol=1e-4, atol=1e-6
    )
