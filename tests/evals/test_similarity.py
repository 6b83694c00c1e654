"""Likeness of pictures: identities, one picture for all, and a classifier's feature maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import features
from gen_jax.core.state import Family
from gen_jax.data.spec import scaled
from gen_jax.errors import UserError
from gen_jax.evals import similarity
from gen_jax.features import classifier
from gen_jax.metrics.diversity import pair_ms_ssim
from gen_jax.metrics.similarity import ssim
from gen_jax.nets.classifier import Classifier
from tests.evals import toy

SHAPE = (16, 16, 1)
TEST = toy.split(toy.noise_images(24, SHAPE))
FLAT = int(np.prod(SHAPE))


def family(brighten=0.0, stuck=False):
    """Codes are the pixels; decoding adds `brighten`; samples are noise, or one picture."""

    def encode(state, images, labels):
        flat = images.reshape(len(images), -1)
        return flat, jnp.zeros_like(flat)

    def decode(state, z, labels):
        return z.reshape(-1, *SHAPE) + brighten

    def sample(state, keys, labels):
        keys = jnp.broadcast_to(keys[:1], keys.shape) if stuck else keys
        return jax.vmap(lambda key: jax.random.uniform(key, SHAPE, minval=-1))(keys)

    return Family(lambda key: None, lambda *args: None, None, None, sample, encode, decode)


def evaluate(of, **overrides):
    return similarity.evaluate(toy.model(of, TEST, **overrides))


def test_equal_pictures_are_alike_and_noise_is_not():
    result = evaluate(family())
    assert result.values["ssim"] == pytest.approx(1)
    assert abs(result.values["ms_ssim"]) < 0.1
    assert abs(result.values["ms_ssim_real"]) < 0.1
    assert result.units.keys() == result.values.keys() == result.errors.keys()
    assert evaluate(family(brighten=0.8)).values["ssim"] < 0.95
    assert evaluate(family(stuck=True), **{"eval.batch_size": 30}).values["ms_ssim"] == 1


def test_pictures_are_measured_as_their_bytes_are():
    # Of pixels on [-1, 1], black and white would be as alike as black and black.
    negative = family()._replace(decode=lambda state, z, labels: -z.reshape(-1, *SHAPE))
    result, pixels = evaluate(negative), TEST.images.astype(np.float64)
    assert result.values["ssim"] == pytest.approx(ssim(pixels, 255 - pixels, 255).mean(), rel=1e-4)
    assert result.values["ssim"] < -0.5
    among = pair_ms_ssim(pixels, 255, result.protocol["seed"]).value
    assert result.values["ms_ssim_real"] == pytest.approx(among, rel=1e-4)
    # What lies outside is seen as black or white.
    beyond = negative._replace(decode=lambda state, z, labels: 9 * z.reshape(-1, *SHAPE))
    clipped = np.clip(9 * (pixels - 127.5) + 127.5, 0, 255)
    expected = ssim(pixels, clipped, 255).mean()
    assert evaluate(beyond).values["ssim"] == pytest.approx(expected, rel=1e-4)


def test_pairs_are_of_one_class_where_there_are_classes():
    values = evaluate(family(), conditional=True).values
    assert {"ms_ssim", "ms_ssim_within", "ms_ssim_within_real"} <= values.keys()
    assert "ms_ssim_within" not in evaluate(family()).values


def test_the_distance_of_features_is_that_of_unit_vectors(tmp_path):
    net = Classifier((3, 4), 5)
    variables = net.init(jax.random.key(0), jnp.zeros((1, *SHAPE)), False)
    path = tmp_path / "classifier.npz"
    np.savez(path, allow_pickle=False, **classifier.pack(net, variables, TEST.spec))
    found = evaluate(family(brighten=0.3), **{"eval.classifier": str(path)})
    images = scaled(TEST.images)
    seen = features.load("classifier", str(path), (), SHAPE).apply
    expected = 0.0
    for a, b in zip(seen(images), seen(images + 0.3), strict=True):
        a, b = (np.asarray(m, np.float64) for m in (a, b))
        lengths = [np.sqrt(np.sum(m**2, axis=-1, keepdims=True) + 1e-10) for m in (a, b)]
        apart = np.sum((a / lengths[0] - b / lengths[1]) ** 2, axis=-1)
        expected += apart.mean()
    assert found.values["feature_distance"] == pytest.approx(expected, rel=1e-4)
    same = evaluate(family(), **{"eval.classifier": str(path)})
    assert same.values["feature_distance"] == pytest.approx(0, abs=1e-8)


def test_numbers_say_what_they_are_of(tmp_path):
    net = Classifier((3, 4), 5)
    variables = net.init(jax.random.key(0), jnp.zeros((1, *SHAPE)), False)
    path = str(tmp_path / "classifier.npz")
    np.savez(path, allow_pickle=False, **classifier.pack(net, variables, TEST.spec))
    found = evaluate(family(), **{"eval.classifier": path, "loss.binarise": "threshold"})
    assert found.protocol["binarise"] == "threshold"
    assert found.protocol["of"].keys() == {"feature_distance"}
    assert "weights_sha256" not in found.protocol
    own = {"eval.classifier": path, "perceptual.weight": 1.0, "perceptual.weights": path}
    with pytest.raises(UserError, match="may not judge"):
        evaluate(family(), **own)


def test_samples_are_of_classes_trained_on():
    some = {"data.train_classes": ("a", "b"), "conditional": True}
    asked = []

    def watched(state, keys, labels):
        jax.debug.callback(lambda seen: asked.extend(np.asarray(seen).tolist()), labels)
        return family().sample(state, keys, labels)

    found = evaluate(family()._replace(sample=watched), **some)
    jax.effects_barrier()
    assert (set(asked), len(asked)) == ({0, 1}, len(TEST))
    assert "ms_ssim_within_real" in found.values


def test_images_smaller_than_the_window_are_left_alone():
    small = toy.split(toy.noise_images(8, (8, 8, 1)))
    assert similarity.evaluate(toy.model(family(), small)) is None
