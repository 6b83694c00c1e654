import jax
import numpy as np
import pytest

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.features import classifier, load
from gen_jax.features.network import Misfit

SHAPE = (8, 12, 3)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (3, *SHAPE)).astype(np.float32)


def reference(arrays, images):
    """Feature maps and logits, by PyTorch, from what the file holds."""
    torch = pytest.importorskip("torch")
    tensor = lambda name: torch.from_numpy(arrays[name])  # noqa: E731
    x, maps = torch.from_numpy(images).permute(0, 3, 1, 2), []
    for i in range(4):
        weight = tensor(f"params/Conv_{i}/kernel").permute(3, 2, 0, 1)
        bias = tensor(f"params/Conv_{i}/bias")
        # 3x3 and 4x4 with stride 2 both lose nothing with one pixel of padding.
        x = torch.nn.functional.conv2d(x, weight, bias, stride=1 + i % 2, padding=1)
        norm = [f"batch_stats/Norm_{i}/BatchNorm_0/{name}" for name in ("mean", "var")]
        norm += [f"params/Norm_{i}/BatchNorm_0/{name}" for name in ("scale", "bias")]
        x = torch.nn.functional.batch_norm(x, *map(tensor, norm), eps=1e-5)
        x = torch.nn.functional.leaky_relu(x, 0.2)
        maps.append(x.permute(0, 2, 3, 1).numpy())
    logits = x.mean((2, 3)) @ tensor("params/Dense_0/kernel") + tensor("params/Dense_0/bias")
    return maps, logits.numpy()


def test_features_are_what_torch_makes_of_the_file(made):
    features = load("classifier", str(made.path), (0, 1, 2, 3), SHAPE).apply(IMAGES)
    maps, _ = reference(made.arrays, IMAGES)
    for ours, theirs in zip(features, maps, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_logits_are_what_torch_makes_of_the_file(made):
    logits, _ = made.net.apply(made.variables, IMAGES, False)
    np.testing.assert_allclose(logits, reference(made.arrays, IMAGES)[1], rtol=1e-4, atol=1e-5)


def test_by_default_every_size_is_seen_once_before_it_is_halved(made):
    features = load("classifier", str(made.path), (), SHAPE)
    assert features.layers == (0, 2)
    assert [f.shape for f in features.apply(IMAGES)] == [(3, 8, 12, 4), (3, 4, 6, 6)]


def test_images_may_have_another_size_than_those_trained_on(made):
    larger = np.zeros((2, 16, 4, 3), np.float32)
    features = load("classifier", str(made.path), (3,), larger.shape[1:]).apply(larger)
    assert features[0].shape == (2, 4, 1, 6)


def test_the_file_rebuilds_net_and_variables(made):
    with np.load(made.path, allow_pickle=False) as archive:
        arrays = dict(archive)
    net, variables, shape = classifier.unpack(arrays)
    assert (net, shape) == (made.net, SHAPE)
    np.testing.assert_array_equal(arrays["class_names"], list("abcdé"))
    for ours, theirs in zip(
        net.apply(variables, IMAGES, False)[1],
        made.net.apply(made.variables, IMAGES, False)[1],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_file_from_before_there_was_a_choice_is_of_the_plain_net(made):
    since = ("net", "blocks", "data", "seed", "config_digest")
    arrays = {name: array for name, array in made.arrays.items() if name not in since}
    net, variables, shape = classifier.unpack(arrays)
    assert (net, shape) == (made.net, SHAPE)
    jax.tree.map(np.testing.assert_array_equal, variables, made.variables)
    assert classifier.origin(arrays) is None


def test_a_residual_file_rebuilds_its_net_and_its_maps_are_compared(residual):
    with np.load(residual.path, allow_pickle=False) as archive:
        arrays = dict(archive)
    net, variables, shape = classifier.unpack(arrays)
    assert (net, shape) == (residual.net, SHAPE)
    jax.tree.map(np.testing.assert_array_equal, variables, residual.variables)
    maps = net.apply(variables, IMAGES, False)[1]
    features = load("classifier", str(residual.path), (), SHAPE)
    assert features.layers == (0, 1)
    assert [f.shape for f in maps] == [(3, 8, 12, 4), (3, 4, 6, 6)]
    for ours, theirs in zip(features.apply(IMAGES), maps, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Two widths halve once, where the plain net halves twice.
    load("classifier", str(residual.path), (), (10, 6, 3))
    with pytest.raises(UserError, match="halves images 1 times, which 9x6 pixels do not allow"):
        load("classifier", str(residual.path), (), (9, 6, 3))


def test_a_file_says_what_run_it_comes_from(made):
    assert classifier.origin(made.arrays) == ("made up", 7, "0123abcd")
    with pytest.raises(Misfit, match="its seed is not a number"):
        classifier.origin(made.arrays | {"seed": np.array("seven")})
    alone = classifier.pack(made.net, made.variables, DataSpec("x", SHAPE, 5, tuple("abcde"), 1))
    assert classifier.origin(alone) is None


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 12, 1), "of images of 3 channels, these have 1; pass --config.data.channels=3"),
        ((8, 10, 3), "halves images 2 times, which 8x10 pixels do not allow"),
    ],
)
def test_images_it_cannot_see_are_refused(made, shape, message):
    with pytest.raises(UserError, match=message):
        load("classifier", str(made.path), (), shape)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params/Conv_1/bias": None}, "it has no params/Conv_1/bias"),
        ({"widths": None}, "it has no widths"),
        ({"widths": np.array("4")}, "are not numbers"),
        ({"widths": np.array(4)}, "are not numbers"),
        ({"widths": np.array([], np.int32)}, r"it has widths \[\] and 1 blocks each"),
        ({"widths": np.array([4, 0])}, r"it has widths \[4, 0\] and 1 blocks each"),
        ({"blocks": np.array(0)}, r"it has widths \[4, 6\] and 0 blocks each"),
        ({"net": np.array("vgg")}, "its net is 'vgg', not conv or resnet"),
        ({"image_shape": np.array([8, 12])}, "are not numbers"),
        ({"image_shape": np.array([8, 10, 3])}, r"images \[8, 10, 3\] cannot be halved 2 times"),
        ({"num_classes": np.array(6)}, r"params/Dense_0/bias is \[5\], not \[6\]"),
        ({"params/Dense_0/bias": np.array(list("abcde"))}, "params/Dense_0/bias is <U1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(made, change, message):
    arrays = {k: v for k, v in (made.arrays | change).items() if v is not None}
    with pytest.raises(Misfit, match=message):
        classifier.unpack(arrays)
