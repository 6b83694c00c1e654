"""What discriminators do beside judging: their norms, dropout, features and feature maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import nets
from gen_jax.core import parallel
from gen_jax.nets.conv import ConvDiscriminator
from gen_jax.nets.dense import DenseDiscriminator
from gen_jax.nets.layers import DISCRIMINATOR_NORMS, Conv, leaky_relu

WIDTHS = (4, 6, 8)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 8, 16, 3)).astype(np.float32)
LABELS = np.array([0, 2, 1, 1], np.int32)
KEYS = jax.random.split(jax.random.key(1), 4)


def made(name, **fields):
    module = nets.DISCRIMINATORS[name](WIDTHS, 0, **fields)
    return module, module.init(jax.random.key(0), IMAGES, LABELS, False)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("conv", [(4, 8, 4), (2, 4, 6), (1, 2, 8)]),
        ("resnet", [(4, 8, 4), (2, 4, 6), (2, 4, 8)]),
    ],
)
def test_feature_maps_are_there_for_whoever_asks(name, sizes):
    module, variables = made(name)
    assert set(variables) == {"params"}
    (logits, features), seen = module.apply(
        variables, IMAGES, LABELS, False, mutable=["intermediates"]
    )
    maps = seen["intermediates"]["maps"]
    assert [m.shape for m in maps] == [(4, *size) for size in sizes]
    last = maps[-1].sum(axis=(1, 2)) if name == "resnet" else maps[-1].reshape(4, -1)
    np.testing.assert_allclose(features, last, rtol=1e-6)
    plain, _ = module.apply(variables, IMAGES, LABELS, False)
    np.testing.assert_array_equal(plain, logits)


def test_the_first_map_is_the_first_convolutions():
    module, variables = made("conv", norm="layer")
    _, seen = module.apply(variables, IMAGES, LABELS, False, mutable=["intermediates"])
    conv = Conv(4, stride=2).apply({"params": variables["params"]["Conv_0"]}, IMAGES)
    np.testing.assert_allclose(seen["intermediates"]["maps"][0], leaky_relu(conv), rtol=1e-5)


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize(
    ("name", "flat"), [("conv", 1 * 2 * 8), ("dense", 8)], ids=["conv", "dense"]
)
def test_features_are_the_last_hidden_layer_or_without_one_the_trunks_end(name, flat, hidden):
    module, variables = made(name, hidden=hidden)
    _, features = module.apply(variables, IMAGES, LABELS, False)
    assert features.shape == (4, hidden or flat)


@pytest.mark.parametrize("norm", DISCRIMINATOR_NORMS)
@pytest.mark.parametrize("name", nets.DISCRIMINATORS)
def test_norms_are_of_every_layer_but_the_first(name, norm):
    module, variables = made(name, norm=norm)
    paths = jax.tree_util.tree_flatten_with_path(variables["params"])[0]
    names = ["/".join(key.key for key in path) for path, _ in paths]
    scales = [name.removesuffix("/scale") for name in names if name.endswith("/scale")]
    blocks = name == "resnet"
    layer = {"batch": "BatchNorm_0", "layer": "LayerNorm_0"}.get(norm)
    expected = []
    if layer and blocks:
        expected = [f"DownBlock_{i}/Norm_{j}/{layer}" for i in (1, 2) for j in (0, 1)]
    elif layer:
        expected = [f"Norm_{i}/{layer}" for i in (1, 2)]
    assert scales == expected
    call = lambda x: module.apply(variables, x, LABELS, True, mutable=["batch_stats"])  # noqa: E731
    (logits, _), stats = jax.vmap(call, axis_name=parallel.AXIS)(IMAGES[None])
    assert np.all(np.isfinite(logits))
    assert bool(stats.get("batch_stats")) == (norm == "batch")


@pytest.mark.parametrize("name", nets.DISCRIMINATORS)
def test_dropout_needs_keys_and_belongs_to_an_example(name):
    module, variables = made(name, dropout=0.5)
    plain, _ = made(name)[0].apply(variables, IMAGES, LABELS, True)
    without, _ = module.apply(variables, IMAGES, LABELS, True)
    np.testing.assert_array_equal(without, plain)
    dropped, _ = module.apply(variables, IMAGES, LABELS, True, KEYS)
    assert np.all(dropped != plain)
    part, _ = module.apply(variables, IMAGES[2:], LABELS[2:], True, KEYS[2:])
    np.testing.assert_allclose(part, dropped[2:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", nets.DISCRIMINATORS)
def test_labels_enter_by_the_projection_alone(name):
    module = nets.DISCRIMINATORS[name](WIDTHS, 3)
    variables = module.init(jax.random.key(0), IMAGES, LABELS, False)
    params = variables["params"]
    logits, features = module.apply(variables, IMAGES, LABELS, False)
    w, b = params["linear"]["kernel"], params["linear"]["bias"]
    table = params["projection"]["kernel"].T
    expected = [w[:, 0] @ f + b[0] + table[y] @ f for f, y in zip(features, LABELS, strict=True)]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_points_in_the_plane_are_judged_and_made():
    points = np.random.default_rng(0).normal(size=(4, 1, 1, 2)).astype(np.float32)
    judge = DenseDiscriminator((8, 8), 0)
    (logits, features), _ = judge.init_with_output(jax.random.key(0), points, LABELS, False)
    assert (logits.shape, features.shape) == ((4,), (4, 8))
    maker = nets.GENERATORS["dense"]((8,), (1, 1, 2), num_classes=0, label_dim=0)
    out, _ = maker.init_with_output(jax.random.key(0), np.ones((4, 3), np.float32), LABELS, False)
    assert out.shape == (4, 1, 1, 2)


def test_with_layer_norm_an_images_slope_is_its_own_and_can_be_penalised():
    module = ConvDiscriminator(WIDTHS[:2], 0, norm="layer")
    images, labels = IMAGES[:, :4, :4], LABELS
    variables = module.init(jax.random.key(0), images, labels, False)

    def slopes(variables, images):
        critic = lambda x: jnp.sum(module.apply(variables, x, labels, True)[0])  # noqa: E731
        return jnp.sqrt(jnp.sum(jnp.square(jax.grad(critic)(images)), axis=(1, 2, 3)))

    @jax.jit
    def penalty(variables, images):
        value = lambda v: jnp.mean(jnp.square(slopes(v, images) - 1))  # noqa: E731
        return slopes(variables, images), jax.grad(value)(variables)

    together, grads = penalty(variables, images)
    others = jnp.where((np.arange(4) == 2)[:, None, None, None], images, -images)
    np.testing.assert_allclose(penalty(variables, others)[0][2], together[2], rtol=1e-4)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(grads))
