"""The Frechet distance against closed forms and SciPy's matrix root; its limit as well."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import linregress, ortho_group

from gen_jax.errors import UserError
from gen_jax.metrics.frechet import distance, gaussian_distance, infinity
from gen_jax.metrics.moments import Moments


def covariance(size, seed, rank=None):
    factor = np.random.default_rng(seed).normal(size=(size, rank or size + 2))
    return factor @ factor.T


def features(count, size, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, size)) @ rng.normal(size=(size, size)) + rng.normal(size=size)


def by_sqrtm(mean, cov, other_mean, other_cov):
    root = np.real(sqrtm(cov @ other_cov))
    return np.sum((mean - other_mean) ** 2) + np.trace(cov + other_cov - 2 * root)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_of_gaussians_it_is_by_the_matrix_root(size, seed):
    cov, other = covariance(size, seed), covariance(size, seed + 1)
    mean, other_mean = np.random.default_rng(seed).normal(size=(2, size))
    if size > 1:
        assert not np.allclose(cov @ other, other @ cov)
    ours = gaussian_distance(mean, cov, other_mean, other)
    assert ours == pytest.approx(by_sqrtm(mean, cov, other_mean, other), rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(*[st.floats(0, 10)] * 4), min_size=1, max_size=6))
def test_of_independent_dimensions_it_is_that_of_means_and_deviations(dimensions):
    mean, std, other_mean, other_std = np.array(dimensions).T
    ours = gaussian_distance(mean, np.diag(std**2), other_mean, np.diag(other_std**2))
    expected = np.sum((mean - other_mean) ** 2 + (std - other_std) ** 2)
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_of_singular_covariances_of_different_support_it_is_by_hand():
    # Where neither Gaussian has what the other has, nothing overlaps: the root's trace is 0.
    first, second = np.diag([4.0, 0.0, 0.0]), np.diag([0.0, 9.0, 1.0])
    assert gaussian_distance(np.zeros(3), first, np.zeros(3), second) == pytest.approx(14)
    rotation = ortho_group.rvs(3, random_state=1)
    first, second = (rotation @ cov @ rotation.T for cov in (first, second))
    ours = gaussian_distance(np.zeros(3), first, np.zeros(3), second)
    assert ours == pytest.approx(14, abs=1e-6)


@given(st.integers(2, 6), st.integers(0, 1000))
def test_it_is_symmetric_and_blind_to_order_and_rotation(size, seed):
    real, fake = features(30, size, seed), features(40, size, seed + 1)
    order = np.random.default_rng(seed).permutation(30)
    rotation = ortho_group.rvs(size, random_state=seed)
    first = distance(Moments.of(real), Moments.of(fake))
    assert first > 0
    for x, y in ((fake, real), (real[order], fake), (real @ rotation, fake @ rotation)):
        assert distance(Moments.of(x), Moments.of(y)) == pytest.approx(first, rel=1e-9)


@pytest.mark.parametrize("count", [200, 20, 2])
def test_a_set_is_at_no_distance_from_itself(count):
    moments = Moments.of(features(count, 50, 0))
    # In each of the dimensions without variance the root of a rounding error is left.
    tolerance = 1e-10 if count > 50 else 1e-7
    itself = distance(moments, moments, allow_few=True)
    assert 0 <= itself <= tolerance * 50 * np.trace(moments.covariance)


def test_constant_features_have_the_distance_of_their_means():
    first, second = (Moments.of(np.full((9, 3), value)) for value in (0.1, 0.7))
    assert distance(first, second) == pytest.approx(3 * 0.36)
    assert distance(first, first) == 0


def test_few_examples_are_refused_unless_allowed():
    many, few = Moments.of(features(40, 8, 0)), Moments.of(features(7, 8, 1))
    with pytest.raises(UserError, match="8 dimensions needs as many examples, and 7 generated"):
        distance(many, few)
    with pytest.raises(UserError, match="8 dimensions needs as many examples, and 7 real"):
        distance(few, many)
    assert np.isfinite(distance(many, few, allow_few=True))
    assert np.isfinite(distance(many, Moments.of(features(8, 8, 1))))
    with pytest.raises(UserError, match="needs two examples; 1 generated"):
        distance(many, Moments.of(features(1, 8, 1)), allow_few=True)
    with pytest.raises(UserError, match="8 dimensions and generated ones 3"):
        distance(many, Moments.of(features(9, 3, 1)))


def test_the_limit_and_the_bias_of_a_standard_normal_are_the_known_ones():
    size, sizes = 10, [200, 250, 300, 400, 500, 700, 1000] * 4
    real = Moments.of(np.random.default_rng(0).normal(size=(4000, size)))
    fake = np.random.default_rng(1).normal(size=(50_000, size))
    truth = gaussian_distance(real.mean, real.covariance, np.zeros(size), np.eye(size))
    found = infinity(real, fake, seed=2, sizes=sizes)
    assert abs(found.value - truth) < 3 * found.error
    assert np.mean(found.distances) - truth > 10 * found.error
    # d / n of the mean, and tr E^2 / 4 of the covariance I + E, whose mean is d (d + 1) / 4n.
    assert found.slope == pytest.approx(size + size * (size + 1) / 4, rel=0.15)


def test_the_line_is_scipys():
    real, fake = Moments.of(features(100, 3, 0)), features(80, 3, 1)
    found = infinity(real, fake, seed=0)
    assert (found.sizes[0], found.sizes[-1], len(found.sizes)) == (8, 80, 15)
    theirs = linregress(1 / np.array(found.sizes), found.distances)
    ours = (found.value, found.error, found.slope)
    assert ours == pytest.approx((theirs.intercept, theirs.intercept_stderr, theirs.slope))
    # All samples are one subset, whatever the seed.
    assert found.distances[-1] == pytest.approx(distance(real, Moments.of(fake)), rel=1e-9)


def test_subsets_follow_the_seed():
    real, fake = Moments.of(features(100, 3, 0)), features(80, 3, 1)
    first, again, other = (infinity(real, fake, seed).distances for seed in (0, 0, 1))
    assert first == again
    assert first[:-1] != other[:-1]


def test_what_the_limit_cannot_be_taken_of_is_refused():
    real, fake = Moments.of(features(100, 9, 0)), features(40, 9, 1)
    with pytest.raises(UserError, match="three subset sizes or more up to the 40 samples"):
        infinity(real, fake, 0, sizes=[10, 20, 20])
    with pytest.raises(UserError, match="three subset sizes or more up to the 40 samples"):
        infinity(real, fake, 0, sizes=[10, 20, 41])
    with pytest.raises(UserError, match="needs as many examples, and 8 generated"):
        infinity(real, fake, 0, sizes=[8, 20, 40])
    assert np.isfinite(infinity(real, fake, 0, sizes=[8, 20, 40], allow_few=True).value)
    assert infinity(real, fake, 0, allow_few=True).sizes[0] == 4
    with pytest.raises(UserError, match="draw more samples"):
        infinity(real, fake[:12], 0)
    with pytest.raises(UserError, match="9 dimensions and generated ones 3"):
        infinity(real, fake[:, :3], 0)
    with pytest.raises(UserError, match="and 7 real"):
        infinity(Moments.of(features(7, 9, 0)), fake, 0)
