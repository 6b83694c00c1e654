"""A classifier's file, by its network applied directly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.errors import UserError
from gen_jax.evals import classified, namer
from gen_jax.features import classifier
from gen_jax.nets.classifier import Classifier
from tests.evals import toy

SPEC = DataSpec("mnist", (4, 4, 1), 10, tuple("0123456789"), 9)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """File of an untrained classifier of SPEC, and its network as a function."""
    net = Classifier((4,), 10)
    variables = net.init(jax.random.key(3), jnp.zeros((1, *SPEC.shape)), False)
    variables = jax.tree.map(lambda leaf: 3 * leaf, variables)
    path = tmp_path_factory.mktemp("run") / "classifier.npz"
    np.savez(path, allow_pickle=False, **classifier.pack(net, variables, SPEC))
    return path, lambda images: jax.nn.softmax(net.apply(variables, images, False)[0])


def test_a_file_names_what_its_network_does(packed):
    path, network = packed
    images = np.random.default_rng(0).uniform(-1, 1, (20, *SPEC.shape)).astype(np.float32)
    found = namer.load(str(path), SPEC)
    label, probability = found.name(images)
    expected = np.asarray(network(images))
    np.testing.assert_array_equal(label, expected.argmax(axis=1))
    np.testing.assert_allclose(probability, expected.max(axis=1), rtol=1e-5)
    assert len(found.digest) == 64


def test_stacked_digits_are_named_channel_by_channel(packed):
    path, network = packed
    names = tuple(f"{i:03}" for i in range(1000))
    spec = DataSpec("stacked_mnist", (4, 4, 3), 1000, names, 9)
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3)).astype(np.uint8)
    p = np.stack([np.asarray(network(scaled(images)[..., [c]])) for c in range(3)])
    digits = p.argmax(axis=2)
    label = 100 * digits[0] + 10 * digits[1] + digits[2]
    assert len(np.unique(label)) > 3
    test = ArraySplit(spec, images, label)

    def sample(state, keys, labels):
        return jnp.asarray(scaled(images))[: len(keys)]

    family = Family(lambda key: None, lambda *args: None, sample=sample)
    overrides = {"eval.classifier": str(path), "eval.classified": 30, "eval.batch_size": 30}
    result = classified.evaluate(toy.model(family, test, **overrides))
    np.testing.assert_allclose(
        result.arrays["class_shares"], np.bincount(label, minlength=1000) / 30, rtol=1e-6
    )
    assert result.values["modes_found"] == len(np.unique(label))
    assert result.values["classifier_accuracy"] == 1
    sure = p.max(axis=2).prod(axis=0)
    assert result.values["classified_confidence"] == pytest.approx(sure.mean(), rel=1e-5)
    assert not any("class_share" in name for name in result.values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (8, 8, 1)}, r"names images \[4, 4, 1\], not \[8, 8, 1\]; train one with python"),
        ({"shape": (4, 4, 3)}, r"not \[4, 4, 3\]"),
        ({"class_names": tuple("abcdefghij")}, r"10 classes \(0, 1, 2, ...\), not these 10 \(a, b"),
        ({"num_classes": 2, "class_names": ("a", "b")}, r"not these 2 \(a, b\)"),
        (
            {"name": "stacked_mnist", "shape": (8, 8, 3)},
            r"judge_mnist.py --config.data.image_size=8 --config.data.channels=1",
        ),
    ],
)
def test_a_classifier_of_other_images_is_refused(packed, change, message):
    with pytest.raises(UserError, match=message) as caught:
        namer.load(str(packed[0]), SPEC._replace(**change))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_classifier_is_refused(packed, tmp_path):
    with pytest.raises(UserError, match="is not a file; train one"):
        namer.load(str(tmp_path / "classifier.npz"), SPEC)
    np.savez(tmp_path / "other.npz", samples=np.zeros(3))
    with pytest.raises(UserError, match="is not of a classifier: it has no widths"):
        namer.load(str(tmp_path / "other.npz"), SPEC)
    (tmp_path / "torn.npz").write_bytes(packed[0].read_bytes()[:200])
    with pytest.raises(UserError, match=r"torn.npz cannot be read"):
        namer.load(str(tmp_path / "torn.npz"), SPEC)
