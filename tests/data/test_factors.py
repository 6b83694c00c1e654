"""Generative factors of shapes and of TFDS data sets, in memory and streamed."""

import numpy as np
import pytest

from gen_jax import data
from gen_jax.data import shapes
from gen_jax.data.spec import ArraySplit, DataSpec
from tests.data.prepared import KINDS, features, png, prepare, record, section

COUNTS = {"shape": 3, "scale": 2, "x_position": 4}
SPRITES = {
    "image": features.Image(shape=(4, 4, 1)),
    "value_shape": features.Scalar(np.int64),
} | {f"label_{name}": features.ClassLabel(num_classes=count) for name, count in COUNTS.items()}
SORTED = (("scale", 2), ("shape", 3), ("x_position", 4))


def sprite(i):
    pixels = (np.arange(16).reshape(4, 4, 1) + i).astype(np.uint8) % 2
    labels = {f"label_{name}": i % count for name, count in COUNTS.items()}
    return {"image": png(pixels), "value_shape": 7, **labels}


@pytest.fixture
def sprites(tmp_path):
    """Twenty-four images of 0 and 1 in a train split alone, as dsprites has them."""
    shards = [[sprite(i) for i in range(13)], [sprite(i) for i in range(13, 24)]]
    prepare(tmp_path, {"train": shards}, SPRITES, name="sprites")
    return lambda **changes: section(tmp_path, name="sprites", label="label_shape", **changes)


@pytest.mark.parametrize("stream", [False, True])
def test_labels_of_a_tfds_data_set_are_its_factors(sprites, stream):
    train, test = (data.load(sprites(stream=stream), split) for split in ("train", "test"))
    assert train.spec == test.spec
    assert train.spec.factors == SORTED
    assert train.spec.num_classes == 3
    held_out = np.array([0, 10, 20])
    kept = np.setdiff1d(np.arange(24), held_out)
    for split, records in ((train, kept), (test, held_out)):
        positions = np.arange(len(split))[::-1]
        batch = split.gather(positions)
        expected = np.stack([records % count for _, count in SORTED], axis=1)[::-1]
        assert batch["factors"].dtype == split.factors(positions).dtype == np.int32
        np.testing.assert_array_equal(batch["factors"], expected)
        np.testing.assert_array_equal(split.factors(positions), expected)
        np.testing.assert_array_equal(batch["label"], records[::-1] % 3)
        np.testing.assert_array_equal(split.labels, records % 3)
        np.testing.assert_array_equal(batch["image"][:, 0, 0, 0], 255 * (records[::-1] % 2))


def test_a_class_that_is_no_factor_leaves_the_factors(sprites):
    without = sprites()
    without.label = ""
    split = data.load(without, "test")
    assert split.spec.factors == SORTED
    assert split.spec.class_names == ("all",)


@pytest.mark.parametrize("stream", [False, True])
def test_data_sets_without_factors_have_none(tmp_path, stream):
    kinds = KINDS | {"label_only": features.ClassLabel(num_classes=5)}
    records = [[record(i) | {"label_only": i} for i in range(3)]]
    prepare(tmp_path, {"train": records, "test": records}, kinds)
    config = section(tmp_path, label="label_only", stream=stream)
    split = data.load(config, "train")
    assert split.spec.factors == ()
    assert split.gather(np.arange(2)).keys() == {"image", "label"}
    assert split.factors(np.arange(2)).shape == (2, 0)
    config.label = "label"  # now it is beside the class
    assert data.load(config, "train").spec.factors == (("only", 5),)


@pytest.mark.parametrize("stream", [False, True])
def test_shapes_name_their_factors(stream):
    config = section(None, name="shapes", num_train=50, num_test=5, stream=stream)
    split = data.load(config, "test")
    assert dict(split.spec.factors) == shapes.FACTORS
    np.testing.assert_array_equal(
        split.gather(np.arange(5))["factors"], shapes.sample_factors("test", np.arange(5))
    )


def test_an_array_split_checks_its_factors():
    images, labels = np.zeros((3, 2, 2, 1), np.uint8), np.zeros(3, np.int32)
    known = DataSpec("made", (2, 2, 1), 1, ("all",), 3, (("size", 2),))
    split = ArraySplit(known, images, labels, np.array([[0], [1], [1]]))
    assert split.gather(np.array([2, 0]))["factors"].tolist() == [[1], [0]]
    for factors in (None, np.zeros((2, 1), int), np.zeros((3, 2), int)):
        with pytest.raises(ValueError, match="factors are"):
            ArraySplit(known, images, labels, factors)
