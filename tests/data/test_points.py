"""Points in the plane: the moments of their Gaussians, the draws themselves, and the contract."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2, chisquare, kstest

from gen_jax import data
from gen_jax.data.batches import Batches
from gen_jax.data.points import MIXTURES, draw
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.errors import UserError
from tests.data.prepared import section

NAMES = tuple(MIXTURES)


def points_section(name="ring", **changes):
    return section(None, name=name, **changes)


def test_the_centres_are_those_of_the_papers():
    ring, grid = (np.array(MIXTURES[name].modes) for name in ("ring", "grid"))
    np.testing.assert_allclose(np.hypot(*ring.T), 2, atol=1e-12)
    angles = np.sort(np.arctan2(*ring.T[::-1]))
    np.testing.assert_allclose(np.diff(angles), np.pi / 4, atol=1e-12)
    assert sorted(map(tuple, grid)) == [(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)]
    assert (len(ring), MIXTURES["ring"].std) == (8, 0.02)
    assert (len(grid), MIXTURES["grid"].std) == (25, 0.05)


@pytest.mark.parametrize("count", [10**12, 9 * 10**18])
def test_more_points_than_memory_holds_are_refused(count):
    with pytest.raises(UserError, match=r"do not fit in .* memory; pass a smaller .*num_train"):
        data.load(points_section(num_train=count), "train")


@pytest.mark.parametrize("name", NAMES)
def test_every_mode_has_its_mean_and_covariance(name):
    mixture = MIXTURES[name]
    points, modes = draw(mixture, "train", 100_000)
    for k, centre in enumerate(mixture.modes):
        z = (points[modes == k].astype(np.float64) - np.array(centre)) / mixture.std
        # Five standard errors: sqrt(1/n) of a mean or a correlation, sqrt(2/n) of a variance.
        error = 5 / np.sqrt(len(z))
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=error)
        np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=error * np.sqrt(2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_modes_are_equally_likely_and_deviations_normal(name, split):
    mixture = MIXTURES[name]
    points, modes = draw(mixture, split, 20_000)
    assert chisquare(np.bincount(modes)).pvalue > 1e-3
    z = (points - np.array(mixture.modes)[modes]) / mixture.std
    assert kstest(z[:, 0], "norm").pvalue > 1e-3
    assert kstest(z[:, 1], "norm").pvalue > 1e-3
    assert kstest(np.sum(z**2, axis=1), chi2(2).cdf).pvalue > 1e-3


def test_the_draws_are_pinned_to_the_numbers_of_philox():
    # Written out: other points would silently change what every run was trained on.
    points, modes = draw(MIXTURES["ring"], "train", 3)
    assert modes.tolist() == [3, 4, 7]
    np.testing.assert_allclose(
        points,
        [[-1.4282402, 1.3898339], [-1.9998807, -0.0117994], [1.4581965, -1.4274638]],
        atol=1e-6,
    )


def test_splits_and_data_sets_differ_and_a_smaller_split_is_the_beginning():
    drawn = {(n, s): draw(MIXTURES[n], s, 100) for n in NAMES for s in ("train", "test")}
    words = [tuple(modes % 8) for _, modes in drawn.values()]
    assert len(set(words)) == 4
    for (name, split), whole in drawn.items():
        for part, array in zip(draw(MIXTURES[name], split, 7), whole, strict=True):
            np.testing.assert_array_equal(part, array[:7])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_split_of_points(name, stream):
    config = points_section(name, num_train=30, stream=stream)
    train, test = data.load(config, "train"), data.load(config, "test")
    assert (len(train), len(test)) == (30, 10_000)
    assert train.spec == test.spec
    spec = train.spec
    assert (spec.shape, spec.num_examples, spec.factors) == ((1, 1, 2), 30, ())
    assert spec.num_classes == len(spec.class_names) == len(spec.modes)
    assert (spec.modes, spec.mode_std) == (MIXTURES[name].modes, MIXTURES[name].std)
    indices = np.array([4, 0, 4])
    got = train.gather(indices)
    points, modes = draw(MIXTURES[name], "train", 30)
    assert got["image"].dtype == np.float32
    np.testing.assert_array_equal(got["image"][:, 0, 0], points[indices])
    np.testing.assert_array_equal(got["label"], modes[indices])
    assert train.labels.dtype == np.int32
    assert train.factors(indices).shape == (3, 0)


def test_the_default_size_and_batches():
    train = data.load(points_section(num_classes=8), "train")
    assert len(train) == train.spec.num_examples == 100_000
    batch = Batches(train, batch_size=5, seed=0, draws=2).batch(1)
    assert (batch["image"].shape, batch["image"].dtype) == ((2, 5, 1, 1, 2), np.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 8}, "image_size=0"),
        ({"channels": 3}, "channels=0"),
        ({"num_classes": 10}, "num_classes=0"),
        ({"flip": True}, "flip=False"),
        ({"keep": "size=1"}, "keep="),
        ({"num_train": -1}, "num_train must be 0 or more"),
        ({"num_test": -5}, "num_test must be 0 or more"),
        ({"train_classes": (1,)}, r"train_classes=\(\)"),
    ],
)
def test_keys_that_make_no_sense_for_points(name, changes, message):
    for split in ("train", "test"):
        with pytest.raises(UserError, match=message) as caught:
            data.load(points_section(name, **changes), split)
        assert "\n" not in str(caught.value)


def test_only_points_are_float32():
    spec = DataSpec("toy", (1, 1, 2), 1, ("a",), 3)
    of_points = spec._replace(modes=((0.0, 0.0),), mode_std=1.0)
    pixels, labels = np.zeros((3, 1, 1, 2), np.uint8), np.zeros(3, np.int32)
    ArraySplit(spec, pixels, labels)
    ArraySplit(of_points, pixels.astype(np.float32), labels)
    with pytest.raises(ValueError, match=r"float32 .* spec says uint8"):
        ArraySplit(spec, pixels.astype(np.float32), labels)
    for wrong in (pixels, pixels.astype(np.float64), np.zeros((3, 2), np.float32)):
        with pytest.raises(ValueError, match="spec says float32"):
            ArraySplit(of_points, wrong, labels)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_scaled_leaves_points_and_maps_pixels(kind):
    points = kind(np.array([[-4.0, 300.0]], np.float32))
    pixels = kind(np.array([[0, 51, 255]], np.uint8))
    for function in (scaled, jax.jit(scaled)):
        np.testing.assert_array_equal(function(points), [[-4, 300]])
        np.testing.assert_allclose(function(pixels), [[-1, -0.6, 1]], atol=1e-7)
        assert function(points).dtype == function(pixels).dtype == np.float32
    assert scaled(points) is points
