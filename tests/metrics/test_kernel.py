import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from gen_jax.errors import UserError
from gen_jax.metrics.kernel import kid, mmd2_unbiased

RNG = np.random.default_rng(0)


def double_sum(x, y):
    k = lambda a, b: (np.dot(a, b) / len(a) + 1) ** 3  # noqa: E731
    within = [
        np.mean([k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j])
        for z in (x, y)
    ]
    return sum(within) - 2 * np.mean([k(a, b) for a in x for b in y])


@given(st.integers(2, 6), st.integers(2, 6), st.integers(1, 4), st.integers(0, 100))
def test_it_is_the_double_sum(n, m, size, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, size)), 1 + rng.normal(size=(m, size))
    assert mmd2_unbiased(x, y) == pytest.approx(double_sum(x, y), rel=1e-9, abs=1e-9)


def test_by_hand():
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    # k: 0 with 1 is 1; 1 with 2 is 27; between 1, 1, 8 and 27.
    assert mmd2_unbiased(x, y) == pytest.approx(1 + 27 - 2 * 37 / 4)


def test_between_equal_distributions_it_is_0_in_the_mean_at_any_size():
    for count in (2, 5, 20):
        draws = RNG.normal(size=(1000, 2, count, 3))
        values = np.array([mmd2_unbiased(x, y) for x, y in draws])
        assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
        assert values.min() < 0


def test_its_mean_is_the_discrepancy_of_the_distributions():
    # E k(x, x') of a N(m, 1) in one dimension: E (x x' + 1)^3 by its moments.
    def mean_kernel(a, b):
        second, third = (1 + a * a) * (1 + b * b), (a**3 + 3 * a) * (b**3 + 3 * b)
        return third + 3 * second + 3 * a * b + 1

    truth = mean_kernel(0.5, 0.5) + mean_kernel(0, 0) - 2 * mean_kernel(0.5, 0)
    draws = RNG.normal(size=(2000, 2, 6, 1)) + np.array([0.5, 0]).reshape(2, 1, 1)
    values = np.array([mmd2_unbiased(x, y) for x, y in draws])
    assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(len(values))


@given(st.integers(0, 100))
def test_it_is_symmetric_and_blind_to_order_and_rotation(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 3)), 2 * rng.normal(size=(7, 3))
    rotation = ortho_group.rvs(3, random_state=seed)
    for a, b in ((y, x), (x[rng.permutation(8)], y), (x @ rotation, y @ rotation)):
        assert mmd2_unbiased(a, b) == pytest.approx(mmd2_unbiased(x, y), rel=1e-9, abs=1e-9)


def test_subsets_of_all_examples_are_all_alike_and_say_nothing_of_an_error():
    x, y = RNG.normal(size=(30, 4)).astype(np.float32), RNG.normal(size=(30, 4))
    found = kid(x, y, seed=0, subsets=3, subset_size=30)
    assert found.value == pytest.approx(mmd2_unbiased(x, y), rel=1e-9)
    assert found.deviation < 1e-12
    assert found.error is None


def test_mean_deviation_and_error_are_over_the_subsets():
    x, y = RNG.normal(size=(60, 4)), 1 + RNG.normal(size=(50, 4))
    found = kid(x, y, seed=3, subsets=7, subset_size=20)
    # Subsets are drawn in turn: real ones, then generated ones.
    rng = np.random.default_rng(3)
    values = [
        mmd2_unbiased(*(z[rng.choice(len(z), 20, replace=False)] for z in (x, y))) for _ in range(7)
    ]
    assert found.value == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values))
    assert found.error == pytest.approx(np.std(values) * np.sqrt(20 / 30))
    assert kid(x, y, seed=3, subsets=7, subset_size=20) == found
    assert kid(x, y, seed=4, subsets=7, subset_size=20) != found
    assert kid(x, y, seed=3, subsets=1, subset_size=20).error is None


def test_the_error_is_the_deviation_over_fresh_examples():
    draws = RNG.normal(size=(60, 2, 200, 3)) + np.array([0, 0.6]).reshape(2, 1, 1)
    found = [kid(x, y, seed=0, subsets=40, subset_size=50) for x, y in draws]
    true = np.std([estimate.value for estimate in found])
    mean = np.mean([estimate.error for estimate in found])
    assert 0.75 < mean / true < 1.35


def test_what_it_cannot_be_taken_of_is_refused():
    x, y = RNG.normal(size=(60, 4)), RNG.normal(size=(50, 4))
    with pytest.raises(UserError, match="of 51 cannot be drawn from 60 real and 50 generated"):
        kid(x, y, seed=0, subset_size=51)
    with pytest.raises(UserError, match="of 51 cannot be drawn from 50 real and 60 generated"):
        kid(y, x, seed=0, subset_size=51)
    with pytest.raises(UserError, match="subsets of 1 cannot"):
        kid(x, y, seed=0, subset_size=1)
    with pytest.raises(UserError, match="0 KID subsets"):
        kid(x, y, seed=0, subsets=0, subset_size=5)
    with pytest.raises(UserError, match="4 dimensions and generated ones 3"):
        kid(x, y[:, :3], seed=0)
    with pytest.raises(UserError, match="generated features hold NaN"):
        kid(x, np.full((50, 4), np.nan), seed=0)
