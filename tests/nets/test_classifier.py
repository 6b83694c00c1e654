"""The classifiers, by their own layers put together by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.nets.classifier import CLASSIFIERS, BasicBlock, Classifier, ResNetClassifier
from gen_jax.nets.layers import Conv

LABELS = jnp.zeros(2, jnp.int32)
X = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
EPSILON = 1e-5
MADE = [
    Classifier((4, 6), 5),
    ResNetClassifier((4,), 5),
    ResNetClassifier((4, 6, 7), 5),
    ResNetClassifier((4, 6), 5, blocks=2),
]


def made_up(module, *inputs):
    """Variables of which no gain is 1, no bias 0, and no moment 0 or 1."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, False))
    rng = np.random.default_rng(1)
    draw = lambda leaf: rng.uniform(0.3, 1.5, leaf.shape).astype(leaf.dtype)  # noqa: E731
    signed = lambda leaf: rng.normal(0, 0.5, leaf.shape).astype(leaf.dtype)  # noqa: E731
    return {
        "params": jax.tree.map(signed, shapes["params"]),
        "batch_stats": jax.tree.map(draw, shapes["batch_stats"]),
    }


def conv(x, variables, name, stride=1):
    params = variables["params"][name]
    size, _, _, features = params["kernel"].shape
    return Conv(features, size=size, stride=stride).apply({"params": params}, x)


def norm(x, variables, name):
    """Batch norm by its running moments."""
    params, moments = (variables[k][name]["BatchNorm_0"] for k in ("params", "batch_stats"))
    x = (x - moments["mean"]) / np.sqrt(moments["var"] + EPSILON)
    return x * params["scale"] + params["bias"]


def halve(x):
    """Means of 2x2 pixels."""
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


@pytest.mark.parametrize(("features", "stride"), [(3, 1), (5, 1), (5, 2), (3, 2)])
def test_a_block_is_relu_of_shortcut_plus_residual(features, stride):
    block = BasicBlock(features, stride)
    variables = made_up(block, X, LABELS)
    out = block.apply(variables, X, LABELS, False)
    with jax.numpy_rank_promotion("allow"):
        residual = norm(conv(X, variables, "Conv_0", stride), variables, "Norm_0")
        residual = norm(conv(np.maximum(residual, 0), variables, "Conv_1"), variables, "Norm_1")
        shortcut = halve(X) if stride == 2 else X
        if features != 3:
            assert variables["params"]["Conv_2"]["kernel"].shape == (1, 1, 3, features)
            shortcut = norm(conv(shortcut, variables, "Conv_2"), variables, "Norm_2")
    assert out.shape == (2, 4 // stride, 6 // stride, features)
    assert ("Conv_2" in variables["params"]) == (features != 3)
    np.testing.assert_allclose(out, np.maximum(shortcut + residual, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_residual_classifier_is_its_blocks_in_turn(blocks):
    net = ResNetClassifier((3, 5), 4, blocks)
    variables = made_up(net, X)
    logits, maps = net.apply(variables, X, False)
    with jax.numpy_rank_promotion("allow"):
        x = np.maximum(norm(conv(X, variables, "Conv_0"), variables, "Norm_0"), 0)
    stages = []
    for i in range(2 * blocks):
        block = BasicBlock((3, 5)[i // blocks], stride=2 if i == blocks else 1)
        own = {k: variables[k][f"BasicBlock_{i}"] for k in ("params", "batch_stats")}
        x = block.apply(own, x, LABELS, False)
        stages += [x] if i % blocks == blocks - 1 else []
    assert f"BasicBlock_{2 * blocks}" not in variables["params"]
    assert len(maps) == len(stages) == 2
    for ours, theirs in zip(maps, stages, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    dense = variables["params"]["Dense_0"]
    expected = np.asarray(x).mean(axis=(1, 2)) @ dense["kernel"] + dense["bias"][None]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("net", MADE, ids=lambda net: net.architecture)
def test_maps_are_as_the_layers_say_and_the_mean_of_the_last_gives_the_logits(net):
    images = np.random.default_rng(2).uniform(-1, 1, (2, 8, 16, 3)).astype(np.float32)
    variables = made_up(net, images)
    logits, maps = net.apply(variables, images, False)
    assert logits.shape == (2, 5)
    said = [f"{m.shape[3]} channels at 1/{8 // m.shape[1]}" for m in maps]
    assert list(net.layers) == said
    assert all(m.shape[2] == 2 * m.shape[1] for m in maps)
    assert 8 // min(m.shape[1] for m in maps) == 2**net.halvings
    # One map of every size but a last one, the widest, that only the plain net has.
    assert [maps[layer].shape[1] for layer in net.compared] == [8, 4, 2][: len(net.widths)]
    dense = variables["params"]["Dense_0"]
    penultimate = np.asarray(maps[-1]).mean(axis=(1, 2))
    assert penultimate.shape == (2, net.widths[-1])
    expected = penultimate @ dense["kernel"] + dense["bias"][None]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_a_name_builds_a_network():
    assert CLASSIFIERS["conv"]((4, 6), 5, 1) == Classifier((4, 6), 5)
    assert CLASSIFIERS["resnet"]((4, 6), 5, 3) == ResNetClassifier((4, 6), 5, blocks=3)


def test_an_architecture_in_words():
    words = ["conv 4-6", "resnet 4, 1 block each", "resnet 4-6-7, 1 block each"]
    assert [net.architecture for net in MADE] == [*words, "resnet 4-6, 2 blocks each"]
