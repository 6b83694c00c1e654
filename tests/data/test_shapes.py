"""The embedded shapes: pure, uniform, disjoint, recognisable and the same on every machine."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from gen_jax.data import shapes
from gen_jax.data.spec import ArraySplit
from gen_jax.errors import UserError

COUNTS = np.array(list(shapes.FACTORS.values()))
MIDDLE = COUNTS // 2


def config(**changes):
    values = {"name": "shapes", "image_size": 0, "channels": 0, "num_classes": 0}
    values |= {"num_train": 60, "num_test": 40, "stream": False, "keep": ""}
    return ConfigDict({**values, **changes})


def rows(**changes):
    """Middle rows [n, 7] in which the named factors take the given values."""
    num = max(np.size(value) for value in changes.values())
    out = np.tile(MIDDLE, (num, 1))
    for name, value in changes.items():
        out[:, list(shapes.FACTORS).index(name)] = value
    return out


def every(name):
    return rows(**{name: np.arange(shapes.FACTORS[name])})


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 2_000_000), max_size=40), st.integers(8, 80), st.sampled_from([1, 3])
)
def test_an_image_of_any_size_depends_on_its_index_alone(indices, size, channels):
    factors = shapes.sample_factors("train", np.array(indices, int))
    pictures = shapes.render(factors, size, channels)
    assert pictures.shape == (len(indices), size, size, channels)
    assert pictures.dtype == np.uint8
    for i, index in enumerate(indices):
        alone = shapes.sample_factors("train", np.array([index]))
        np.testing.assert_array_equal(alone, factors[i : i + 1])
        np.testing.assert_array_equal(shapes.render(alone, size, channels)[0], pictures[i])


def test_factors_are_uniform_and_pairwise_independent():
    num = 20_000
    factors = shapes.sample_factors("train", np.arange(num))
    for a in range(7):
        for b in range(a):
            table = np.zeros((COUNTS[a], COUNTS[b]))
            np.add.at(table, (factors[:, a], factors[:, b]), 1)
            expected = num / table.size
            freedom = table.size - 1
            chi_squared = ((table - expected) ** 2).sum() / expected
            assert abs(chi_squared - freedom) < 5 * np.sqrt(2 * freedom), (a, b)


def test_the_two_splits_together_hold_every_combination_once():
    """As many places as combinations, all seen: so none twice, and none in both splits."""
    seen = np.zeros(COUNTS.prod(), bool)
    for split in ("train", "test"):
        factors = shapes.sample_factors(split, np.arange(COUNTS.prod() // 2))
        seen[np.ravel_multi_index(factors.T, tuple(COUNTS))] = True
    assert seen.all()


@pytest.mark.parametrize("size", [8, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", shapes.FACTORS)
def test_every_value_of_a_factor_gives_another_picture(name, channels, size):
    for shape in range(10):
        factors = every(name)
        if name != "shape":
            factors[:, 0] = shape
        pictures = shapes.render(factors, size, channels).astype(int)
        distance = np.abs(pictures[:, None] - pictures[None]).max(axis=(2, 3, 4))
        different = ~np.eye(len(factors), dtype=bool)
        assert distance[different].min() >= 4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", list(shapes.FACTORS)[1:])
def test_ordered_factors_do_not_close_into_a_circle(name, channels):
    """First and last value are further apart than any two neighbours."""
    pictures = shapes.render(every(name), 32, channels).astype(float)
    neighbours = ((pictures[1:] - pictures[:-1]) ** 2).mean(axis=(1, 2, 3))
    assert ((pictures[-1] - pictures[0]) ** 2).mean() > neighbours.max()


@pytest.mark.parametrize("shape", range(10), ids=shapes.SHAPES)
def test_no_shape_looks_the_same_after_a_turn(shape):
    """All pairs of angles 10 to 140 degrees apart differ over a good part of the shape."""
    factors = every("rotation")
    factors[:, 0] = shape
    pictures = shapes.render(factors, 64, 1).astype(float)
    mask = pictures[..., 0] > 110
    area = mask.sum(axis=(1, 2)).mean()
    changed = (mask[:, None] != mask[None]).sum(axis=(2, 3)) / area
    steps = np.abs(np.subtract.outer(np.arange(15), np.arange(15)))
    assert changed[steps == 1].min() > 0.05
    assert changed[steps >= 3].min() > 0.15


def test_rotation_turns_an_arrow_from_right_to_left():
    factors = every("rotation")
    factors[:, 0] = shapes.SHAPES.index("arrow")
    bright = shapes.render(factors, 64, 1)[..., 0] > 110
    # The head has more area than the shaft, so more pixels lie on its side.
    lean = (bright * np.sign(np.arange(64) - 31.5)).sum(axis=(1, 2))
    assert lean[0] > 50
    assert lean[-1] < -50


@pytest.mark.parametrize(("name", "axis"), [("x", 2), ("y", 1)])
def test_x_and_y_move_the_shape_right_and_down(name, axis):
    bright = shapes.render(every(name), 128, 1)[..., 0] > 110
    where = (bright.sum(axis=3 - axis) * np.arange(128)).sum(axis=1) / bright.sum(axis=(1, 2))
    expected = np.linspace(0, 0.6 * 64, shapes.FACTORS[name])
    np.testing.assert_allclose(where - where[0], expected, atol=0.6)


@pytest.mark.parametrize("shape", range(10), ids=shapes.SHAPES)
def test_no_shape_is_cut_off_by_the_rim(shape):
    """At the largest size, any angle and any corner, nothing at the rim outshines the sky."""
    turns = np.arange(shapes.FACTORS["rotation"])
    sky = shapes.render(rows(shape=shape, size=0), 128, 1)[0, :, :1, 0]
    for x, y in ((0, 0), (0, 8), (8, 0), (8, 8)):
        pictures = shapes.render(rows(shape=shape, size=5, rotation=turns, x=x, y=y), 128, 1)
        brighter = pictures[..., 0] > sky
        assert brighter[:, 1:-1, 1:-1].any(axis=(1, 2)).all()
        assert not brighter[:, [0, -1]].any()
        assert not brighter[:, :, [0, -1]].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_every_colour_stands_out_from_every_sky(channels):
    for shape, colour in np.ndindex(10, 10):
        factors = every("background")
        factors[:, :3] = shape, colour, 0
        pictures = shapes.render(factors, 32, channels).astype(int)
        sky = pictures[:, :, :1]
        visible = np.abs(pictures - sky).max(axis=3) >= 30
        assert visible.sum(axis=(1, 2)).min() >= 30


def test_labels_are_shapes_and_colour_groups():
    factors = rows(shape=[0, 2, 2, 9], colour=[0, 4, 5, 9])
    for num_classes, expected in (
        (10, ["arrow", "fish", "fish", "mug"]),
        (20, ["red-green arrow", "red-green fish", "teal-violet fish", "teal-violet mug"]),
        (100, ["red arrow", "green fish", "teal fish", "violet mug"]),
    ):
        names = shapes.class_names(num_classes)
        assert [names[i] for i in shapes.labels_of(factors, num_classes)] == expected


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("num_classes", range(10, 101, 10))
def test_every_class_count_has_that_many_names_and_all_labels_occur(num_classes, channels):
    assert len(set(shapes.class_names(num_classes, channels))) == num_classes
    labels = shapes.labels_of(shapes.sample_factors("test", np.arange(4000)), num_classes)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(np.unique(labels), np.arange(num_classes))


def test_a_picture_is_the_same_at_twice_the_resolution():
    factors = shapes.sample_factors("train", np.arange(50))
    fine = shapes.render(factors, 128).astype(float)
    averaged = fine.reshape(50, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(averaged - shapes.render(factors, 64)).mean() < 1.5


def test_render_refuses_what_it_cannot_draw():
    for factors in (COUNTS[None], -np.ones((1, 7), int)):
        with pytest.raises(ValueError, match="below its count"):
            shapes.render(factors)
    for factors in (np.zeros((1, 6), int), np.zeros((1, 7))):
        with pytest.raises(ValueError, match="integers"):
            shapes.render(factors)
    for size, channels in ((7, 3), (32, 2)):
        with pytest.raises(ValueError, match=f"size {size} .* {channels} channels"):
            shapes.render(MIDDLE[None], size, channels)


def test_there_is_no_image_outside_a_split():
    for index in (-1, COUNTS.prod() // 2):
        with pytest.raises(IndexError):
            shapes.sample_factors("train", np.array([index]))
    with pytest.raises(ValueError, match="split"):
        shapes.sample_factors("valid", np.array([0]))


@pytest.mark.parametrize("channels", [0, 1])
def test_streamed_and_loaded_splits_agree(channels):
    loaded = shapes.load(config(channels=channels, num_classes=30), "test")
    drawn = shapes.load(config(channels=channels, num_classes=30, stream=True), "test")
    assert isinstance(loaded, ArraySplit)
    assert loaded.spec == drawn.spec
    assert loaded.spec.shape == (32, 32, channels or 3)
    assert loaded.spec.num_classes == len(loaded.spec.class_names) == 30
    assert loaded.spec.num_examples == 60
    assert len(loaded) == len(drawn) == 40
    indices = np.array([7, 3, 3, 39])
    got, expected = loaded.gather(indices), drawn.gather(indices)
    assert got.keys() == expected.keys() == {"image", "label", "factors"}
    for key in got:
        np.testing.assert_array_equal(got[key], expected[key])
    factors = shapes.sample_factors("test", indices)
    np.testing.assert_array_equal(got["factors"], factors)
    np.testing.assert_array_equal(loaded.factors(indices), factors)
    np.testing.assert_array_equal(got["label"], shapes.labels_of(factors, 30))


def test_zero_means_the_default():
    split = shapes.load(config(num_train=0, num_test=0, stream=True), "train")
    assert len(split) == split.spec.num_examples == 20_000
    assert split.spec.shape == (32, 32, 3)
    assert split.spec.class_names == shapes.SHAPES
    assert len(shapes.load(config(num_test=0, stream=True), "test")) == 4_000


IMPOSSIBLE = [("num_classes", 15), ("num_classes", 110), ("num_classes", -10)]
IMPOSSIBLE += [("image_size", 7), ("channels", 2), ("num_train", 10**7), ("num_test", -1)]


@pytest.mark.parametrize(("key", "value"), IMPOSSIBLE)
def test_a_config_that_cannot_be_met_is_refused_by_name(key, value):
    with pytest.raises(UserError, match=rf"data\.{key}"):
        shapes.load(config(**{key: value}), "train")


def test_bytes_never_change():
    """Only correctly rounded elementwise arithmetic is used, so the digest holds everywhere.

    A change here is a new data set: results on the old one no longer compare.
    """
    factors = shapes.sample_factors("train", np.arange(500))
    digest = hashlib.sha256(factors.astype("<i4").tobytes())
    digest.update(shapes.render(factors, 32).tobytes())
    digest.update(shapes.render(factors, 17, 1).tobytes())
    assert digest.hexdigest() == "00628ceefc727f87ae52cc6bade37f0b93c0d6a5479bd3693d4a9461573989fe"
