"""Neighbours and balls against exact differences, where rounding and ties would show most."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.metrics import distances
from gen_jax.metrics.distances import memberships, nearest


def squared(x, y):
    return np.sum((x.astype(np.float64)[:, None] - y[None]) ** 2, axis=2)


def lattice(count, size, seed, centre=0.0):
    """Points of a coarse lattice: many ties, many duplicates."""
    points = np.random.default_rng(seed).integers(0, 3, (count, size))
    return (0.1 * points + centre).astype(np.float32)


def clusters(count, size, seed):
    """Tight groups far apart: float32 products see no distance within a group."""
    rng = np.random.default_rng(seed)
    centres = 100 * rng.normal(size=(3, size))
    return centres[rng.integers(0, 3, count)] + 1e-5 * rng.normal(size=(count, size))


KINDS = {
    "ties": lattice,
    "far from 0": lambda count, size, seed: lattice(count, size, seed, 1000.0),
    "clusters": clusters,
    "huge": lambda count, size, seed: 1e30 * clusters(count, size, seed),
    "tiny": lambda count, size, seed: 1e-30 * clusters(count, size, seed),
    "all equal": lambda count, size, seed: np.full((count, size), 0.1, np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(4, 30), st.integers(1, 5), st.integers(0, 1000))
def test_neighbours_and_members_are_those_of_exact_differences(kind, count, size, seed):
    points, queries = KINDS[kind](count, size, seed), KINDS[kind](17, size, seed)
    found = nearest(queries, points, 3)
    exact = squared(queries, points)
    order = np.argsort(exact, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(found.squared, np.take_along_axis(exact, order, axis=1))
    np.testing.assert_array_equal(found.indices, order)

    radii = np.sort(squared(points, points), axis=1)[:, 3]
    np.testing.assert_array_equal(nearest(points, points, 4).squared[:, 3], radii)
    held = memberships(queries, points, radii)
    np.testing.assert_array_equal(held.by_point, (exact <= radii).sum(axis=1))
    np.testing.assert_array_equal(held.by_ball, (exact <= radii).sum(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_do_not_show(kind, monkeypatch):
    points, queries = KINDS[kind](60, 3, 0), KINDS[kind](40, 3, 1)
    whole = nearest(queries, points, 5), memberships(queries, points, np.full(60, 0.04))
    monkeypatch.setattr(distances, "PAIRS", 150)
    monkeypatch.setattr(distances, "VALUES", 7)
    blocks = nearest(queries, points, 5), memberships(queries, points, np.full(60, 0.04))
    for a, b in zip(whole, blocks, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_bounds_hold_in_many_dimensions_and_are_tight():
    rng = np.random.default_rng(0)
    points, queries = rng.gamma(0.5, size=(50, 2048)), rng.gamma(0.5, size=(30, 2048))
    screen = distances._Screen(points, queries)
    lower, upper = (bound * screen.scale**2 for bound in screen.bounds(queries))
    exact = squared(queries, points)
    assert (lower <= exact).all()
    assert (exact <= upper).all()
    np.testing.assert_allclose(lower, upper, rtol=1e-3)


def test_bounds_hold_where_cancellation_is_worst():
    rng = np.random.default_rng(0)
    points = rng.choice([-1.0, 1.0], (40, 512)) * (1 + 1e-7 * rng.normal(size=(40, 512)))
    queries = points + 1e-6 * rng.normal(size=points.shape)
    screen = distances._Screen(points, queries)
    lower, upper = (bound * screen.scale**2 for bound in screen.bounds(queries))
    exact = squared(queries, points)
    assert (lower <= exact).all()
    assert (exact <= upper).all()


def test_equal_queries_are_asked_once(monkeypatch):
    points = lattice(50, 4, 0) + np.linspace(0, 1, 50)[:, None]
    asked = []
    exact = distances._exact
    monkeypatch.setattr(
        distances, "_exact", lambda *args: asked.append(len(args[2])) or exact(*args)
    )
    found = nearest(np.repeat(points[:1], 1000, axis=0), points, 2)
    assert sum(asked) < 10
    np.testing.assert_array_equal(found.squared, np.repeat(found.squared[:1], 1000, axis=0))
