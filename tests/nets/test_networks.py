"""What every encoder, generator and discriminator promises, whatever its architecture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import nets
from gen_jax.core import parallel

CLASSES, LATENT = 3, 4
SHAPE = (8, 16, 3)
LABELS = np.array([0, 2, 1, 1], np.int32)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, *SHAPE)).astype(np.float32)
Z = np.random.default_rng(1).normal(size=(4, LATENT)).astype(np.float32)
NORMS = ("none", "conditional_batch")


def evaluate(module, inputs):
    """Made-up variables, no gain 1 and no bias 0, and the module that has them in evaluation."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), inputs, LABELS, False))
    rng = np.random.default_rng(2)
    fill = lambda leaf: jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape), leaf.dtype)  # noqa: E731
    variables = jax.tree.map(fill, shapes)
    sign = lambda leaf: leaf * rng.choice([-0.5, 0.5], leaf.shape).astype(leaf.dtype)  # noqa: E731
    variables["params"] = jax.tree.map(sign, variables["params"])
    return variables, lambda inputs, labels: module.apply(variables, inputs, labels, False)


def train(module, variables, inputs):
    """Outputs of a training call on a batch axis of one device, and the new statistics."""
    call = lambda x, y: module.apply(variables, x, y, True, mutable=["batch_stats"])  # noqa: E731
    out, stats = jax.vmap(call, axis_name=parallel.AXIS)(inputs[None], LABELS[None])
    return jax.tree.map(lambda leaf: leaf[0], (out, stats.get("batch_stats", {})))


def others(inputs):
    """The same third example in other company."""
    return np.where((np.arange(4) == 2).reshape(4, *(1,) * (inputs.ndim - 1)), inputs, -inputs)


def changed(old, new):
    return [bool(jnp.any(a != b)) for a, b in zip(*map(jax.tree.leaves, (old, new)), strict=True)]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", nets.ENCODERS)
def test_encoders_give_a_mean_and_logvar_per_example(name, norm):
    module = nets.ENCODERS[name]((4, 8), LATENT, CLASSES, label_dim=3, norm=norm)
    variables, apply = evaluate(module, IMAGES)
    mean, logvar = apply(IMAGES, LABELS)
    assert mean.shape == logvar.shape == (4, LATENT)
    assert not np.allclose(mean, logvar)
    # Conditional, and in evaluation each example on its own.
    assert np.all(np.any(apply(IMAGES, (LABELS + 1) % CLASSES)[0] != mean, axis=1))
    np.testing.assert_allclose(apply(others(IMAGES), LABELS)[0][2], mean[2], rtol=1e-5)
    (trained, _), stats = train(module, variables, IMAGES)
    assert trained.shape == (4, LATENT)
    assert all(changed(variables.get("batch_stats", {}), stats))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", nets.GENERATORS)
def test_generators_give_outputs_of_the_shape_asked_for(name, norm):
    module = nets.GENERATORS[name]((8, 4), SHAPE, CLASSES, label_dim=3, norm=norm)
    variables, apply = evaluate(module, Z)
    images = apply(Z, LABELS)
    assert images.shape == (4, *SHAPE)
    assert np.all(np.any(apply(Z, (LABELS + 1) % CLASSES) != images, axis=(1, 2, 3)))
    np.testing.assert_allclose(apply(others(Z), LABELS)[2], images[2], rtol=1e-5)
    # Any real value: a likelihood, or tanh, makes images of them.
    far = apply(1e4 * Z, LABELS)
    assert np.all(np.isfinite(far))
    assert far.min() < -1 < 1 < far.max()
    trained, stats = train(module, variables, Z)
    assert trained.shape == (4, *SHAPE)
    assert all(changed(variables.get("batch_stats", {}), stats))


@pytest.mark.parametrize("name", nets.GENERATORS)
def test_a_generator_without_an_embedding_sees_the_label_in_its_norms_alone(name):
    module = nets.GENERATORS[name](
        (8, 4), SHAPE, CLASSES, label_dim=0, norm="conditional_batch", hidden=5
    )
    variables, apply = evaluate(module, Z)
    other = (LABELS + 1) % CLASSES
    assert np.all(np.any(apply(Z, other) != apply(Z, LABELS), axis=(1, 2, 3)))

    def of_class_0(path, leaf):
        in_norm = any(entry.key.startswith("Norm") for entry in path)
        return jnp.broadcast_to(leaf[:1], leaf.shape) if in_norm else leaf

    # One gain and one bias for all classes, and one picture.
    params = jax.tree_util.tree_map_with_path(of_class_0, variables["params"])
    blind = lambda y: module.apply(variables | {"params": params}, Z, y, False)  # noqa: E731
    np.testing.assert_array_equal(blind(other), blind(LABELS))


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("name", nets.GENERATORS)
def test_a_generators_hidden_layers_are_activated_as_asked(name, hidden):
    fields = {"num_classes": 0, "label_dim": 0, "norm": "none", "hidden": hidden}
    relu, leaky = (
        nets.GENERATORS[name]((8, 4), SHAPE, activation=activation, **fields)
        for activation in ("relu", "leaky_relu")
    )
    variables, _ = evaluate(relu, Z)
    # Where nothing is negative the two are the same.
    positive = jax.tree.map(jnp.abs, variables["params"])
    relus, leakies = (
        module.apply({"params": positive}, jnp.abs(Z), LABELS, False) for module in (relu, leaky)
    )
    np.testing.assert_allclose(relus, leakies, rtol=1e-5)
    # With a first layer all below 0, ReLU lets no z through and the leaky one a fifth of it.
    first = positive["Dense_0"] | {"bias": jnp.full_like(positive["Dense_0"]["bias"], -1e3)}
    relus, leakies = (
        module.apply({"params": positive | {"Dense_0": first}}, Z, LABELS, False)
        for module in (relu, leaky)
    )
    assert np.ptp(leakies, axis=0).min() > 0
    if name == "resnet" and not hidden:
        assert not np.allclose(relus, leakies, rtol=1e-3)  # z passes by, along the shortcuts
    else:
        # But for rounding, which may depend on an example's place in the batch.
        np.testing.assert_allclose(relus, np.broadcast_to(relus[:1], relus.shape), rtol=1e-6)


def spectral(kernel, stats):
    """The kernel over its estimated largest singular value: one power iteration, in numpy."""
    matrix = np.asarray(kernel)
    left = matrix @ np.asarray(stats["right_singular"])
    left /= np.linalg.norm(left)
    return matrix / np.linalg.norm(matrix.T @ left)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("name", nets.DISCRIMINATORS)
def test_discriminators_project_features_on_the_label(name, normalised):
    module = nets.DISCRIMINATORS[name]((4, 8), CLASSES, spectral_norm=normalised)
    variables, apply = evaluate(module, IMAGES)
    assert ("batch_stats" in variables) == normalised
    params = variables["params"]
    logits, features = apply(IMAGES, LABELS)
    assert logits.shape == (4,)
    assert features.shape == (4, {"conv": 2 * 4 * 8, "dense": 8, "resnet": 8}[name])
    w, table = params["linear"]["kernel"], params["projection"]["kernel"]
    if normalised:
        stats = variables["batch_stats"]
        w, table = spectral(w, stats["linear"]), spectral(table, stats["projection"])
    expected = (
        features @ w[:, 0]
        + params["linear"]["bias"]
        + np.sum(np.asarray(table).T[LABELS] * features, axis=1)
    )
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    # The label enters by the projection only.
    np.testing.assert_array_equal(apply(IMAGES, LABELS * 0)[1], apply(IMAGES, LABELS)[1])
    _, stats = train(module, variables, IMAGES)
    if normalised:
        # A vector of one entry, the linear layer's, has nowhere to turn.
        assert all(changed(variables["batch_stats"] | {"linear": {}}, stats | {"linear": {}}))


@pytest.mark.parametrize("name", nets.DISCRIMINATORS)
def test_a_discriminator_without_classes_ignores_labels(name):
    module = nets.DISCRIMINATORS[name]((4, 8), 0)
    variables, apply = evaluate(module, IMAGES)
    assert "projection" not in variables["params"]
    np.testing.assert_array_equal(apply(IMAGES, LABELS)[0], apply(IMAGES, LABELS + 1)[0])


def test_the_classifiers_logits_are_linear_in_its_features():
    module = nets.ConvClassifier((4, 8), CLASSES)
    variables = module.init(jax.random.key(0), IMAGES)
    logits, features = module.apply(variables, IMAGES)
    assert features.shape == (4, 16)
    head = variables["params"]["Dense_1"]
    np.testing.assert_allclose(logits, features @ head["kernel"] + head["bias"][None], rtol=1e-5)
    assert logits.shape == (4, CLASSES)


@pytest.mark.parametrize("net", ["dense", "conv", "resnet"])
def test_a_generators_hidden_layer_is_normalised_as_the_others_are(net):
    module = nets.GENERATORS[net](
        widths=(4, 4), shape=(8, 8, 1), num_classes=0, label_dim=0, norm="batch", hidden=6
    )
    z, labels = 100 + jnp.zeros((3, 5)), jnp.zeros(3, jnp.int32)
    variables = module.init(jax.random.key(0), z, labels, False)
    shapes = [leaf.shape for leaf in jax.tree.leaves(variables["batch_stats"])]
    assert shapes.count((6,)) == 2
    if net == "conv":  # and so is the dense layer that makes the first maps, unit by unit
        assert shapes.count((2 * 2 * 4,)) == 2
    plain = module.clone(norm="none").init(jax.random.key(0), z, labels, False)
    assert "batch_stats" not in plain
