"""Blockwise code holds no array of all pairs, and streaming code none of all examples."""

import tracemalloc

import numpy as np
import pytest

from gen_jax.metrics import distances
from gen_jax.metrics.moments import ROWS, Moments

N, M, SIZE = 20_000, 2000, 128


@pytest.fixture
def features(monkeypatch):
    monkeypatch.setattr(distances, "PAIRS", 2**18)
    monkeypatch.setattr(distances, "VALUES", 2**18)
    rng = np.random.default_rng(0)
    return (rng.standard_normal((count, SIZE), np.float32) for count in (N, M))


def peak(function):
    """Bytes that a call holds at most, beyond what is there."""
    tracemalloc.start()
    function()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held


def test_neighbours_and_balls_hold_a_copy_of_the_points_and_blocks(features):
    real, fake = features
    copy, allowed = 4 * N * SIZE, 4 * N * SIZE + 80 * 2**18
    assert allowed < N * M
    assert copy < peak(lambda: distances.nearest(fake, real, 3)) < allowed
    radii = np.full(N, 170.0)
    assert copy < peak(lambda: distances.memberships(fake, real, radii)) < allowed
    # Points at one and the same distance: each must be looked at exactly.
    assert peak(lambda: distances.nearest(fake[:4], np.zeros_like(real), 3)) < allowed


def test_moments_hold_as_much_for_many_as_for_few():
    def streamed(blocks):
        moments = Moments(SIZE)
        for _ in range(blocks):
            moments.add(np.ones((300, SIZE), np.float32))

    few, many = (peak(lambda blocks=blocks: streamed(blocks)) for blocks in (8, 80))
    assert many == pytest.approx(few, rel=0.05)
    assert few < 8 * SIZE * (4 * ROWS + 10 * SIZE)
