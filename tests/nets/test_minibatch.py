import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel
from gen_jax.nets.dense import DenseDiscriminator
from gen_jax.nets.minibatch import MINIBATCH, MinibatchDiscrimination, MinibatchStddev

FEATURES = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
LABELS = np.zeros(16, np.int32)


def alone(layer, features=FEATURES):
    """A layer's variables, and what it says of this batch in evaluation."""
    variables = layer.init(jax.random.key(0), features, False)
    return variables, layer.apply(variables, features, False)


def test_discrimination_counts_the_others_nearby():
    layer = MinibatchDiscrimination(kernels=3, size=2)
    variables, out = alone(layer)
    rows = (FEATURES @ np.asarray(variables["params"]["kernel"])).reshape(16, 3, 2)
    expected = np.zeros((16, 3))
    for i, j, b in np.ndindex(16, 16, 3):
        if i != j:
            expected[i, b] += np.exp(-np.abs(rows[i, b] - rows[j, b]).sum())
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_discrimination_of_equal_examples_finds_all_the_others():
    _, out = alone(MinibatchDiscrimination(), np.tile(FEATURES[:1], (16, 1)))
    np.testing.assert_allclose(out, np.full((16, 32), 15.0), rtol=1e-6)


def test_gradients_of_discrimination_are_those_of_the_plain_formula():
    layer = MinibatchDiscrimination(kernels=3, size=2)
    variables, _ = alone(layer)
    weights = np.random.default_rng(1).normal(size=(16, 3)).astype(np.float32)

    def plain(variables, features):
        rows = (features @ variables["params"]["kernel"]).reshape(16, 3, 2)
        distances = jnp.abs(rows[:, None] - rows[None]).sum(axis=-1)
        return jnp.sum(weights * jnp.exp(-distances).sum(axis=1))

    def ours(variables, features):
        return jnp.sum(weights * layer.apply(variables, features, False))

    got, expected = (jax.grad(f, argnums=(0, 1))(variables, FEATURES) for f in (ours, plain))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, expected)


def test_stddev_is_the_mean_over_features_of_the_deviation_over_the_batch():
    variables, out = alone(MinibatchStddev())
    assert not variables
    expected = FEATURES.std(axis=0).mean()
    np.testing.assert_allclose(out, np.full((16, 1), expected), rtol=1e-5)


def test_stddev_of_equal_examples_is_nothing_with_a_finite_gradient():
    same = jnp.tile(FEATURES[:1], (16, 1))
    call = lambda x: jnp.sum(MinibatchStddev().apply({}, x, False))  # noqa: E731
    np.testing.assert_allclose(call(same), 16 * 1e-4, rtol=1e-3)
    assert np.all(np.isfinite(jax.grad(call)(same)))


@pytest.mark.parametrize("kind", MINIBATCH)
def test_training_sees_the_batch_of_all_devices_and_so_does_its_gradient(kind):
    module = DenseDiscriminator((5,), 0, minibatch=kind)
    images = FEATURES.reshape(16, 1, 2, 3)
    variables = module.init(jax.random.key(0), images, LABELS, False)
    assert variables["params"]["linear"]["kernel"].shape[0] > 5

    def loss(params, images):
        logits, _ = module.apply({"params": params}, images, LABELS[: len(images)], True)
        return jnp.mean(jax.nn.softplus(logits)), logits

    def step(images):
        (_, logits), (of_params, of_images) = jax.value_and_grad(
            loss, argnums=(0, 1), has_aux=True
        )(variables["params"], images)
        # Of the mean over all devices: a device's own images have a share in it.
        return logits, parallel.pmean(of_params), of_images / jax.lax.axis_size(parallel.AXIS)

    def on(devices):
        logits, of_params, of_images = parallel.pmap(step)(
            images.reshape(devices, -1, *images.shape[1:])
        )
        first = jax.tree.map(lambda leaf: leaf[0], of_params)
        return np.ravel(logits), first, np.reshape(of_images, images.shape)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), on(8), on(1))


@pytest.mark.parametrize("kind", MINIBATCH)
def test_logits_are_linear_in_features_and_what_is_seen_of_the_batch(kind):
    module = DenseDiscriminator((5,), 2, minibatch=kind)
    images, labels = FEATURES.reshape(16, 1, 2, 3), np.arange(16) % 2
    variables = module.init(jax.random.key(0), images, labels, False)
    params = variables["params"]
    logits, features = module.apply(variables, images, labels, False)
    assert features.shape == (16, 5)
    layer = MINIBATCH[kind]()
    own = params.get(f"{type(layer).__name__}_0", {})
    joined = jnp.concatenate([features, layer.apply({"params": own}, features, False)], axis=-1)
    expected = (joined @ params["linear"]["kernel"])[:, 0] + params["linear"]["bias"]
    expected += jnp.sum(params["projection"]["kernel"].T[labels] * joined, axis=-1)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
