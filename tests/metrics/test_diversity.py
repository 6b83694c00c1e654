"""Diversity of pairs: all pairs against SciPy, random ones against all, classes apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from gen_jax.errors import UserError
from gen_jax.metrics.diversity import pair_distance, pair_ms_ssim
from gen_jax.metrics.similarity import ms_ssim

RNG = np.random.default_rng(0)


@given(st.integers(2, 30), st.integers(0, 1000))
def test_all_pairs_are_scipys(count, seed):
    features = np.random.default_rng(seed).normal(size=(count, 3))
    found = pair_distance(features, seed=0)
    assert found.value == pytest.approx(pdist(features).mean())
    assert (found.error, found.by_class) == (0, {})


def test_random_pairs_estimate_all_with_an_honest_error():
    features = RNG.normal(size=(60, 3))
    truth = pdist(features).mean()
    found = [pair_distance(features, seed, pairs=1200) for seed in range(300)]
    off = np.array([(each.value - truth) / each.error for each in found])
    assert abs(off.mean()) < 4 / np.sqrt(300)
    assert off.std() == pytest.approx(1, abs=0.15)
    assert found[0] == pair_distance(features, 0, pairs=1200)


def test_every_pair_is_taken_once():
    for count in (2, 3, 4, 7, 8):
        # No two sums of distances between powers of three are the same.
        features = 3.0 ** np.arange(count)[:, None]
        each = [3.0**j - 3.0**i for i in range(count) for j in range(i + 1, count)]
        assert pair_distance(features, 0).value == pytest.approx(np.mean(each), rel=1e-12)


def test_classes_are_apart_and_weigh_the_same():
    features, labels = RNG.normal(size=(50, 3)), np.repeat([4, 0, 7], [30, 15, 5])
    features[labels == 4] *= 5
    found = pair_distance(features, 3, labels, pairs=50)
    assert list(found.by_class) == [0, 4, 7]
    assert found.by_class[7].value == pytest.approx(pdist(features[labels == 7]).mean())
    assert found.by_class[7].error == 0
    values, errors = np.array(list(found.by_class.values())).T
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(np.linalg.norm(errors) / 3)
    # A class's pairs are its own, whoever else is there.
    alone = pair_distance(features[labels == 4], 3, labels[labels == 4], pairs=50)
    assert alone.by_class[4] == found.by_class[4]
    # No two classes share a draw, or their errors would not be independent.
    twins = pair_distance(np.tile(features, (2, 1)), 3, np.repeat([0, 1], 50), pairs=50)
    assert twins.by_class[0] != twins.by_class[1]


def test_a_class_of_one_picture_has_no_distance_and_similarity_1():
    images, labels = RNG.uniform(size=(20, 16, 16, 1)), np.repeat([0, 1], 10)
    images[labels == 1] = images[-1]
    similar = pair_ms_ssim(images, 1, 0, labels)
    assert similar.by_class[1] == pytest.approx((1, 0))
    assert similar.by_class[0].value < 0.5
    apart = pair_distance(images.reshape(20, -1), 0, labels)
    assert apart.by_class[1] == (0, 0)
    assert apart.by_class[0].value > 1


def test_similarity_is_that_of_the_pairs():
    images = np.repeat(RNG.uniform(0.5, 1.5, (5, 1, 1, 1)), 22, axis=1) + RNG.normal(
        0, 0.1, (5, 22, 22, 2)
    )
    expected = [
        ms_ssim(images[i : i + 1], images[j : j + 1], 2).values[0]
        for i in range(5)
        for j in range(i)
    ]
    assert pair_ms_ssim(images, 2, 0).value == pytest.approx(np.mean(expected))


def test_classes_without_a_pair_are_left_out():
    features = RNG.normal(size=(4, 2))
    assert list(pair_distance(features, 0, np.array([0, 1, 1, 2])).by_class) == [1]


def test_what_has_no_pair_is_refused():
    features = RNG.normal(size=(4, 2))
    with pytest.raises(UserError, match="needs a pair of samples; there are 1"):
        pair_distance(features[:1], 0)
    with pytest.raises(UserError, match="needs a class of two samples"):
        pair_distance(features, 0, np.arange(4))
    with pytest.raises(UserError, match="4 samples have 3 labels"):
        pair_distance(features, 0, np.arange(3))
    with pytest.raises(UserError, match="two pairs or more, not 1"):
        pair_distance(features, 0, pairs=1)
    with pytest.raises(UserError, match="features hold NaN"):
        pair_distance(np.full((4, 2), np.nan), 0)
