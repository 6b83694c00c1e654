import numpy as np
import pytest
from scipy.spatial import KDTree

from gen_jax.errors import UserError
from gen_jax.metrics.neighbours import memorisation

RNG = np.random.default_rng(0)
TRAIN, HELD_OUT, NEW = RNG.normal(size=(3, 2000, 4))


def test_distances_are_a_kd_trees():
    found = memorisation(NEW, TRAIN, HELD_OUT)
    tree = KDTree(TRAIN)
    mine, nearest = tree.query(NEW)
    usual, _ = tree.query(HELD_OUT)
    np.testing.assert_allclose(found.distances, mine, rtol=1e-12)
    np.testing.assert_array_equal(found.nearest, nearest)
    np.testing.assert_allclose(found.held_out_distances, usual, rtol=1e-12)
    assert found.threshold == pytest.approx(np.quantile(usual, 0.01))
    assert found.close_share == np.mean(mine <= found.threshold)
    assert found.ratio == pytest.approx(np.median(mine) / np.median(usual))


def test_new_examples_are_as_near_as_held_out_ones():
    found = memorisation(NEW, TRAIN, HELD_OUT, quantile=0.1)
    assert found.ratio == pytest.approx(1, abs=0.05)
    assert found.close_share == pytest.approx(0.1, abs=0.03)
    assert found.close_share_held_out == pytest.approx(0.1, abs=1e-3)


def test_copies_are_found_whole_and_in_part():
    found = memorisation(TRAIN[::-1], TRAIN, HELD_OUT)
    assert (found.ratio, found.close_share) == (0, 1)
    np.testing.assert_array_equal(found.nearest, np.arange(2000)[::-1])
    some = np.r_[NEW[:1500], TRAIN[:500] + 1e-4]
    found = memorisation(some, TRAIN, HELD_OUT)
    assert found.close_share == pytest.approx(0.25 + 0.75 * 0.01, abs=0.01)
    assert 0.6 < found.ratio < 1


def test_samples_off_the_data_are_far():
    found = memorisation(3 * NEW, TRAIN, HELD_OUT)
    assert found.ratio > 2
    assert found.close_share < 0.01


def test_held_out_copies_move_the_share_they_are_compared_with():
    held_out = np.r_[TRAIN[:100], HELD_OUT[:1900]]
    found = memorisation(NEW, TRAIN, held_out)
    assert (found.threshold, found.close_share, found.close_share_held_out) == (0, 0, 0.05)
    assert memorisation(TRAIN, TRAIN, held_out).close_share == 1


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UserError, match="half of the held-out examples or more equal"):
        memorisation(NEW, TRAIN, np.r_[TRAIN[:1100], HELD_OUT[:900]])
    for quantile in (0, 1):
        with pytest.raises(UserError, match="is not between 0 and 1"):
            memorisation(NEW, TRAIN, HELD_OUT, quantile)
    with pytest.raises(UserError, match="4 dimensions and generated ones 3"):
        memorisation(NEW[:, :3], TRAIN, HELD_OUT)
    with pytest.raises(UserError, match="4 dimensions and held-out ones 3"):
        memorisation(NEW, TRAIN, HELD_OUT[:, :3])
