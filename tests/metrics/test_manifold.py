"""Precision, recall, density and coverage: brute force, known geometry, known expectations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from gen_jax.errors import UserError
from gen_jax.metrics.manifold import density_coverage, precision_recall


def brute_force(real, fake, k):
    """By the papers' definitions, one example at a time."""

    def radius(i, points):
        return np.sort(np.delete(cdist(points[i : i + 1], points)[0], i))[k - 1]

    real_radii = [radius(i, real) for i in range(len(real))]
    fake_radii = [radius(i, fake) for i in range(len(fake))]
    apart = cdist(fake, real)
    inside = [[apart[j, i] <= real_radii[i] for i in range(len(real))] for j in range(len(fake))]
    recalled = [
        any(apart[j, i] <= fake_radii[j] for j in range(len(fake))) for i in range(len(real))
    ]
    return (
        np.mean([any(row) for row in inside]),
        np.mean(recalled),
        np.sum(inside) / (k * len(fake)),
        np.mean([min(apart[:, i]) <= real_radii[i] for i in range(len(real))]),
    )


def scores(real, fake, k):
    return (*precision_recall(real, fake, k), *density_coverage(real, fake, k))


@given(st.integers(5, 25), st.integers(5, 25), st.integers(1, 4), st.integers(0, 1000))
def test_they_are_those_of_a_loop_over_examples(n, m, k, seed):
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(n, 3)), 0.3 + 0.7 * rng.normal(size=(m, 3))
    assert scores(real, fake, k) == pytest.approx(brute_force(real, fake, k))
    # Neither order nor rotation nor scale matters.
    rotation = 7 * ortho_group.rvs(3, random_state=seed)
    moved = real[rng.permutation(n)] @ rotation, fake[rng.permutation(m)] @ rotation
    assert scores(*moved, k) == pytest.approx(scores(real, fake, k))


def test_defaults_are_the_papers():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    assert precision_recall(real, fake) == precision_recall(real, fake, 3)
    assert density_coverage(real, fake) == density_coverage(real, fake, 5)


def test_on_a_line_by_hand():
    real, fake = np.arange(4.0)[:, None], np.array([[0.5], [1.0], [4.0], [4.5]])
    # Real radii for k = 1 are 1: [-1, 1], [0, 2], [1, 3], [2, 4]. Three samples are inside: the
    # first in two balls, the second in three, the third, on a sphere, in one.
    # Fake radii are 0.5: [0, 1], [0.5, 1.5], [3.5, 4.5], [4, 5]. They hold 0 and 1.
    assert precision_recall(real, fake, 1) == (0.75, 0.5)
    assert density_coverage(real, fake, 1) == (6 / 4, 1.0)


def test_a_set_and_itself():
    real = np.random.default_rng(0).normal(size=(50, 4))
    assert precision_recall(real, real) == (1, 1)
    # Each ball holds its centre and k others, the k-th on its sphere.
    assert density_coverage(real, real, 5) == ((5 + 1) / 5, 1)


def test_sets_far_apart():
    real = np.random.default_rng(0).normal(size=(50, 4))
    assert scores(real, real + 1000, 3) == (0, 0, 0, 0)


def test_of_one_distribution_density_is_1_and_coverage_as_expected():
    rng = np.random.default_rng(0)
    n, m, k = 1500, 1000, 5
    found = density_coverage(rng.normal(size=(n, 3)), rng.normal(size=(m, 3)), k)
    # Naeem et al. 2020: the k nearest of all others are real ones with this probability.
    missed = np.prod([(n - i) / (n + m - i) for i in range(1, k + 1)])
    assert found.density == pytest.approx(1, abs=0.08)
    assert found.coverage == pytest.approx(1 - missed, abs=0.03)


def test_outliers_among_samples_raise_recall_and_not_coverage():
    """The failure that density and coverage were made for (Naeem et al. 2020, figure 1)."""
    rng = np.random.default_rng(0)
    real, few = rng.normal(size=(200, 2)), 0.05 * rng.normal(size=(100, 2))
    outliers = np.r_[few, 30 * rng.normal(size=(10, 2))]
    assert precision_recall(real, outliers).recall > precision_recall(real, few).recall + 0.5
    added = density_coverage(real, outliers).coverage - density_coverage(real, few).coverage
    assert abs(added) < 0.05


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_duplicates_have_balls_without_radius(dtype):
    real = np.repeat(np.eye(4, 3, dtype=dtype), 5, axis=0)
    assert scores(real, real[:5], 3) == (1, 0.25, 5 / 3, 0.25)
    near = real[:5] + np.array(0.01, dtype)
    assert precision_recall(real, near) == (0, 0)
    assert density_coverage(real, near, 3) == (0, 0)


def test_too_few_examples_are_refused():
    many, few = np.random.default_rng(0).normal(size=(9, 2)), np.zeros((3, 2))
    with pytest.raises(UserError, match="k=3 is not among 3 generated examples"):
        precision_recall(many, few)
    with pytest.raises(UserError, match="k=3 is not among 3 real examples"):
        precision_recall(few, many)
    with pytest.raises(UserError, match="k=0 is not among"):
        density_coverage(many, few, 0)
    # Only the real examples' manifold is looked at.
    assert density_coverage(many, few).coverage >= 0
    with pytest.raises(UserError, match="2 dimensions and generated ones 1"):
        precision_recall(many, many[:, :1])
    with pytest.raises(UserError, match="real features hold NaN"):
        density_coverage(np.full((9, 2), np.nan), many)
