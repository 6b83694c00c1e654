"""Stacked MNIST over an MNIST written by hand: which digits, where, and under which label."""

import numpy as np
import pytest
import tensorflow_datasets
from scipy.stats import chisquare

from gen_jax import data
from gen_jax.data.batches import Batches
from gen_jax.data.stacked_mnist import positions
from gen_jax.errors import UserError
from tests.data.prepared import png, prepare, section

features = tensorflow_datasets.features
KINDS = {
    "image": features.Image(shape=(4, 4, 1)),
    "label": features.ClassLabel(names=list("0123456789")),
}
DIGITS = {"train": 25, "test": 15}


def digit(split, i):
    """Label 7 i mod 10; a picture that tells its split and its number."""
    image = np.full((4, 4, 1), i + 100 * (split == "test"), np.uint8)
    image[0, 1] = 255 - i
    return image, 7 * i % 10


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    splits = {}
    for split, count in DIGITS.items():
        records = [digit(split, i) for i in range(count)]
        splits[split] = [[{"image": png(image), "label": label} for image, label in records]]
    prepare(root, splits, KINDS)
    return root


def stacked(root, **changes):
    return section(root, name="stacked_mnist", **changes)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_stack_is_three_digits_of_its_split(root, split, stream):
    config = stacked(root, num_train=40, num_test=30, stream=stream)
    loaded = data.load(config, split)
    assert len(loaded) == {"train": 40, "test": 30}[split]
    indices = np.array([5, 0, 29, 5])
    got = loaded.gather(indices)
    assert (got["image"].dtype, got["image"].shape) == (np.uint8, (4, 4, 4, 3))
    assert got.keys() == {"image", "label"}
    np.testing.assert_array_equal(got["label"], loaded.labels[indices])
    assert loaded.labels.dtype == np.int32
    assert loaded.factors(indices).shape == (4, 0)
    chosen = positions(split, len(loaded), DIGITS[split])[indices]
    for image, label, numbers in zip(got["image"], got["label"], chosen, strict=True):
        digits = [digit(split, i) for i in numbers]
        np.testing.assert_array_equal(image, np.concatenate([d[0] for d in digits], axis=-1))
        assert f"{label:03}" == "".join(str(d[1]) for d in digits)


def test_the_spec_and_the_default_sizes(root):
    train, test = (data.load(stacked(root), split) for split in ("train", "test"))
    assert (len(train), len(test)) == (128_000, 10_000)
    assert train.spec == test.spec
    spec = train.spec
    assert (spec.name, spec.shape, spec.num_classes) == ("stacked_mnist", (4, 4, 3), 1000)
    assert (spec.num_examples, spec.modes) == (128_000, ())
    assert spec.class_names[:2] == ("000", "001")
    assert spec.class_names[-1] == "999"
    assert set(np.unique(train.labels)) == set(range(1000))


def test_digits_are_resized_and_batches_are_made_of_stacks(root):
    train = data.load(stacked(root, image_size=8, channels=3, num_classes=1000), "train")
    batch = Batches(train, batch_size=3, seed=1, draws=2).batch(0)
    assert batch["image"].shape == (2, 3, 8, 8, 3)


def test_digits_are_uniform_and_independent():
    chosen = positions("train", 50_000, 10)
    for channel in chosen.T:
        assert chisquare(np.bincount(channel)).pvalue > 1e-3
    assert chisquare(np.bincount(chosen @ [100, 10, 1], minlength=1000)).pvalue > 1e-3


def test_the_draws_are_pinned_and_a_smaller_split_is_the_beginning():
    # Written out: other stacks would silently change what every run was trained on.
    assert positions("train", 2, 60_000).tolist() == [[40555, 49549, 7335], [15226, 15325, 54259]]
    assert positions("test", 2, 10_000).tolist() == [[2156, 7163, 171], [6154, 6334, 2649]]
    np.testing.assert_array_equal(positions("train", 9, 77), positions("train", 30, 77)[:9])


@pytest.mark.parametrize("stream", [False, True])
def test_training_on_some_classes(root, stream):
    whole = data.load(stacked(root, num_train=300, num_test=20), "train")
    classes = np.unique(whole.labels)[:3]
    config = stacked(
        root, num_train=300, num_test=20, stream=stream, train_classes=tuple(classes.tolist())
    )
    train, test = data.load(config, "train"), data.load(config, "test")
    kept = np.flatnonzero(np.isin(whole.labels, classes))
    np.testing.assert_array_equal(train.labels, whole.labels[kept])
    got = train.gather(np.arange(len(train)))["image"]
    np.testing.assert_array_equal(got, whole.gather(kept)["image"])
    assert (len(test), test.spec.num_examples) == (20, len(kept))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 1}, "three channels"),
        ({"channels": 2}, "channels must be"),
        ({"num_classes": 10}, "stacked_mnist has 1000"),
        ({"num_train": -1}, "num_train must be 0 or more"),
        ({"label": ""}, "label=label"),
        ({"keep": "size=1"}, "keep="),
    ],
)
def test_values_that_stacks_cannot_have(root, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        data.load(stacked(root, **changes), "train")
    assert "\n" not in str(caught.value)
