"""Training on some classes only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax import data
from gen_jax.data import classes
from gen_jax.data.batches import Batches
from gen_jax.errors import UserError
from tests.data import test_folder
from tests.data.prepared import KINDS, prepare, section, shards

NAMES = ("cat", "dog", "9", "hen")


@given(st.sets(st.integers(0, 3)))
def test_a_class_is_its_name_or_its_number(chosen):
    expected = sorted(chosen)
    for items in (chosen, [NAMES[i] for i in chosen], [str(i) for i in chosen]):
        assert data.class_indices(tuple(items), NAMES).tolist() == expected


def test_a_name_counts_before_a_number_and_each_once():
    assert data.class_indices(("1", 1), ("8", "1", "0")).tolist() == [1]
    assert data.class_indices((0, "8", "2"), ("8", "1", "0")).tolist() == [0, 2]


@pytest.mark.parametrize("wrong", ["dgo", "4", 4, -1, 8, 1.0])
def test_no_such_class(wrong):
    with pytest.raises(UserError, match=r"data\.train_classes: no class .*(dog|known)"):
        data.class_indices((wrong,), NAMES)


def shapes_section(stream, *train_classes):
    return section(
        None, name="shapes", image_size=16, num_train=200, num_test=60, stream=stream,
        train_classes=train_classes,
    )  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
def test_train_keeps_those_classes_and_test_all(stream):
    whole, whole_test = (data.load(shapes_section(stream), split) for split in ("train", "test"))
    config = shapes_section(stream, "fish", 9)
    train, test = data.load(config, "train"), data.load(config, "test")
    kept = np.flatnonzero(np.isin(whole.labels, (2, 9)))
    assert 0 < len(kept) < 200
    assert len(train) == train.spec.num_examples == test.spec.num_examples == len(kept)
    assert train.spec == test.spec == whole.spec._replace(num_examples=len(kept))
    np.testing.assert_array_equal(train.labels, whole.labels[kept])
    indices = np.array([3, 0, 3])
    for part, source, positions in ((train, whole, kept), (test, whole_test, np.arange(60))):
        assert len(part) == len(positions)
        got, expected = part.gather(indices), source.gather(positions[indices])
        assert got.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(got[key], value)
        np.testing.assert_array_equal(part.factors(indices), expected["factors"])
    assert set(Batches(train, 16, seed=0).batch(3)["label"].flat) <= {2, 9}


@pytest.mark.parametrize("stream", [False, True])
def test_of_tfds_and_folders_alike(tmp_path, stream):
    prepare(tmp_path / "tfds", {"train": shards(7), "test": shards(4)}, KINDS)
    config = section(tmp_path / "tfds", train_classes=("odd",), num_train=5, stream=stream)
    train, test = data.load(config, "train"), data.load(config, "test")
    np.testing.assert_array_equal(train.gather(np.arange(2))["image"][:, 5, 3, 0], [10, 30])
    assert (len(train), train.spec.num_classes, test.spec.num_examples) == (2, 2, 2)
    assert test.labels.tolist() == [0, 1, 0, 1]

    folder = test_folder.two_splits(tmp_path / "folder")
    config = test_folder.section(folder, train_classes=("dog",), stream=stream)
    train, test = data.load(config, "train"), data.load(config, "test")
    assert train.gather(np.arange(3))["label"].tolist() == [1, 1, 1]
    assert test.labels.tolist() == [0, 1, 0, 1]


def test_classes_that_leave_nothing_or_are_unknown(tmp_path):
    prepare(tmp_path, {"train": shards(7), "test": shards(4)}, KINDS)
    config = section(tmp_path, train_classes=("odd",), num_train=1)
    for split in ("train", "test"):
        with pytest.raises(UserError, match=r"no training images of data\.train_classes \(odd\)"):
            data.load(config, split)
    with pytest.raises(UserError, match="did you mean odd"):
        data.load(section(tmp_path, train_classes=("od",)), "train")


@given(st.lists(st.integers(0, 3), min_size=1), st.integers(1, 5))
def test_without_surplus_keeps_the_first_so_many_of_a_class(labels, count):
    labels = np.array(labels)
    kept = classes.without_surplus(labels, {2: count})
    expected, seen = [], 0
    for position, label in enumerate(labels):
        seen += label == 2
        if label != 2 or seen <= count:
            expected.append(position)
    assert kept.tolist() == expected


def test_scarce_counts_are_by_name_or_number():
    assert classes.scarce_counts("cat=5, 9 = 20,3=1", NAMES) == {0: 5, 2: 20, 3: 1}
    assert classes.scarce_counts("", NAMES) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cat", "'cat' is not CLASS=COUNT"),
        ("cat=0", "is not CLASS=COUNT"),
        ("cat=-3", "is not CLASS=COUNT"),
        ("cat=2.5", "is not CLASS=COUNT"),
        ("=5", "no class ''"),
        ("cta=5", "did you mean cat"),
        ("cat=5,0=6", "'0' is given twice"),
    ],
)
def test_wrong_scarce_counts(text, said):
    with pytest.raises(UserError, match=said):
        classes.scarce_counts(text, NAMES)


@pytest.mark.parametrize("stream", [False, True])
def test_a_scarce_class_loses_training_images_and_no_test_images(stream):
    config = shapes_section(stream, "fish", 9)
    whole = data.load(config, "train")
    config.scarce = "fish=3"
    train, test = data.load(config, "train"), data.load(config, "test")
    assert np.sum(train.labels == 2) == 3
    assert np.sum(train.labels == 9) == np.sum(whole.labels == 9)
    assert len(train) == train.spec.num_examples == test.spec.num_examples
    assert len(test) == 60
    config.scarce = "arrow=3"
    with pytest.raises(UserError, match="'arrow' is not among data"):
        data.load(config, "train")
