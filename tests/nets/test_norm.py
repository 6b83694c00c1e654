import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel
from gen_jax.nets.layers import DISCRIMINATOR_NORMS, NORMS, Norm

EPSILON = 1e-5
CLASSES = 3
LABELS = np.array([0, 2, 1, 0, 2, 2, 0, 0] * 2, np.int32)
IMAGES = np.random.default_rng(0).normal(1.0, 2.0, (16, 4, 4, 5)).astype(np.float32)
GAIN, BIAS = np.random.default_rng(1).normal(size=(2, CLASSES, 5)).astype(np.float32)


def variables(kind):
    """Variables with gains and biases that show, and running moments that are not 0 and 1."""
    made = Norm(kind, CLASSES).init(jax.random.key(0), IMAGES[:1], LABELS[:1], False)
    if kind == "none":
        return made
    moments = {"mean": jnp.full(5, 0.3), "var": jnp.full(5, 1.7)}
    params = dict(made["params"])
    if kind == "batch":
        params["BatchNorm_0"] = {"scale": jnp.asarray(GAIN[0]), "bias": jnp.asarray(BIAS[0])}
    else:
        params |= {"gain": jnp.asarray(GAIN), "bias": jnp.asarray(BIAS)}
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, dict(made["params"]))
    return {"params": params, "batch_stats": {"BatchNorm_0": moments}}


def train(kind, devices, images=IMAGES):
    """Outputs [16, ...] and the first and last device's new moments."""

    def apply(images, labels):
        return Norm(kind, CLASSES).apply(
            variables(kind), images, labels, True, mutable=["batch_stats"]
        )

    split = [leaf.reshape(devices, -1, *leaf.shape[1:]) for leaf in (images, LABELS)]
    out, stats = parallel.pmap(apply)(*split)
    moments = stats["batch_stats"]["BatchNorm_0"]
    ends = jax.tree.map(lambda moment: np.asarray(moment)[[0, -1]], moments)
    return np.asarray(out).reshape(images.shape), ends


def gain_and_bias(kind):
    """Each example's gain and bias, [16, 1, 1, 5]."""
    rows = LABELS if kind == "conditional_batch" else np.zeros_like(LABELS)
    return GAIN[rows][:, None, None], BIAS[rows][:, None, None]


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("kind", ["batch", "conditional_batch"])
def test_training_normalises_by_the_moments_of_the_global_batch(kind, devices):
    out, moments = train(kind, devices)
    mean, var = IMAGES.mean((0, 1, 2)), IMAGES.var((0, 1, 2))
    gain, bias = gain_and_bias(kind)
    expected = gain * (IMAGES - mean) / np.sqrt(var + EPSILON) + bias
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moments["mean"], np.tile(0.9 * 0.3 + 0.1 * mean, (2, 1)), rtol=1e-5)
    np.testing.assert_allclose(moments["var"], np.tile(0.9 * 1.7 + 0.1 * var, (2, 1)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["batch", "conditional_batch"])
def test_evaluation_normalises_by_the_running_moments(kind):
    out, stats = Norm(kind, CLASSES).apply(
        variables(kind), IMAGES, LABELS, False, mutable=["batch_stats"]
    )
    gain, bias = gain_and_bias(kind)
    expected = gain * (IMAGES - 0.3) / np.sqrt(1.7 + EPSILON) + bias
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stats["batch_stats"]["BatchNorm_0"]["mean"], np.full(5, 0.3))


def test_vectors_are_normalised_as_images_of_one_pixel():
    vectors = IMAGES[:, 0, 0]
    out, _ = train("conditional_batch", 8, vectors)
    expected = GAIN[LABELS] * (vectors - vectors.mean(0)) / np.sqrt(vectors.var(0) + EPSILON)
    np.testing.assert_allclose(out, expected + BIAS[LABELS], rtol=1e-4, atol=1e-5)


def test_none_is_the_identity_without_parameters():
    assert not variables("none")
    out = Norm("none", CLASSES).apply({}, IMAGES, LABELS, True)
    np.testing.assert_array_equal(out, IMAGES)
    assert "none" in NORMS
    assert "none" in DISCRIMINATOR_NORMS


@pytest.mark.parametrize("inputs", [IMAGES, IMAGES[:, 0, 0]], ids=["images", "vectors"])
def test_layer_norm_takes_the_moments_of_each_example(inputs):
    params = {"LayerNorm_0": {"scale": jnp.asarray(GAIN[0]), "bias": jnp.asarray(BIAS[0])}}
    made = Norm("layer", 0).init(jax.random.key(0), inputs, LABELS, False)
    assert jax.tree.map(jnp.shape, made) == {"params": jax.tree.map(jnp.shape, params)}
    expected = [GAIN[0] * (x - x.mean()) / np.sqrt(x.var() + EPSILON) + BIAS[0] for x in inputs]
    for train in (True, False):
        out = Norm("layer", 0).apply({"params": params}, inputs, LABELS, train)
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
