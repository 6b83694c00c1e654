"""What `load` promises of every network, and what it says when there is none."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel
from gen_jax.errors import UserError
from gen_jax.features import FEATURES, load

SHAPE = (8, 12, 3)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (8, *SHAPE)).astype(np.float32)


def test_features_know_their_net_layers_and_file(made):
    features = load("classifier", str(made.path), (3, 0), SHAPE)
    assert features.name == "classifier"
    assert features.layers == (3, 0)
    assert features.digest == hashlib.sha256(made.path.read_bytes()).hexdigest()


def test_layers_come_in_the_order_asked_for(made):
    every = load("classifier", str(made.path), (0, 1, 2, 3), SHAPE).apply(IMAGES)
    some = load("classifier", str(made.path), (3, 0), SHAPE).apply(IMAGES)
    assert len(some) == 2
    for layer, features in zip((3, 0), some, strict=True):
        np.testing.assert_array_equal(features, every[layer])


def test_gradients_reach_the_images(made):
    apply = load("classifier", str(made.path), (), SHAPE).apply
    pull = jax.grad(lambda images: sum(jnp.sum(f**2) for f in apply(images)))(IMAGES)
    assert pull.shape == IMAGES.shape
    assert np.all(np.any(pull != 0, axis=(1, 2, 3)))


def test_features_are_per_example_on_any_number_of_devices(made):
    apply = load("classifier", str(made.path), (), SHAPE).apply
    whole = apply(IMAGES)
    spread = parallel.pmap(apply)(IMAGES.reshape(8, 1, *SHAPE))
    for ours, theirs in zip(spread, whole, strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("net", FEATURES)
@pytest.mark.parametrize("path", [None, ""])
def test_without_a_file_it_says_how_to_come_by_one(net, path):
    with pytest.raises(UserError) as error:
        load(net, path, (), SHAPE)
    assert str(error.value) == f"perceptual.net={net!r} needs its weights: {FEATURES[net].obtain}"
    assert "--config.perceptual.weights=" in str(error.value)


def test_the_default_net_is_trained_by_a_config_of_ours():
    obtain = FEATURES["classifier"].obtain
    assert "python run.py --config=configs/classifier_cifar10.py" in obtain
    assert "--config.perceptual.weights=runs/classifier_cifar10/classifier.npz" in obtain


@pytest.mark.parametrize("net", FEATURES)
def test_bad_files_are_named(net, made, tmp_path):
    (tmp_path / "text.npz").write_text("no weights")
    (tmp_path / "cut.npz").write_bytes(made.path.read_bytes()[:-200])
    (tmp_path / "empty.npz").write_bytes(b"")
    damaged = bytearray(made.path.read_bytes())
    damaged[damaged.index(made.arrays["params/Conv_1/kernel"].tobytes())] ^= 255
    (tmp_path / "damaged.npz").write_bytes(damaged)
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    np.savez(tmp_path / "objects.npz", weights=np.array([{}]))
    expected = {
        "none.npz": "is not a file",
        "": "is not a file",
        "text.npz": "cannot be read",
        "cut.npz": "cannot be read",
        "empty.npz": "cannot be read",
        "damaged.npz": "cannot be read",
        "objects.npz": "cannot be read",
        "other.npz": f"is not of the net {net!r}: it has no ",
    }
    for name, message in expected.items():
        path = str(tmp_path / name)
        with pytest.raises(UserError) as error:
            load(net, path, (), SHAPE)
        assert message in str(error.value)
        assert path.rstrip("/") in str(error.value)
        assert "\n" not in str(error.value)


def test_an_unknown_net_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="'vgg19' is not known; did you mean vgg16"):
        load("vgg19", "weights", (), SHAPE)


@pytest.mark.parametrize("layer", [4, -1, "0", 0.0])
def test_an_unknown_layer_is_answered_with_the_known(layer, made):
    with pytest.raises(UserError) as error:
        load("classifier", str(made.path), (0, layer), SHAPE)
    assert str(error.value) == (
        f"perceptual.layers: no layer {layer!r}; there are 0 (4 channels at 1/1), "
        "1 (4 channels at 1/2), 2 (6 channels at 1/2), 3 (6 channels at 1/4)"
    )
