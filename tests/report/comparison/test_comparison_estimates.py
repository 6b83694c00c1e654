"""Means and spreads over seeds, against Python's own statistics, and how they are printed."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.report.comparison.estimates import Estimate, estimate, printed

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def test_mean_and_spread_by_hand():
    # Mean 3; squares 4 + 0 + 4 over two degrees of freedom.
    assert estimate([1.0, 3.0, 5.0]) == Estimate(3.0, 2.0, 3)


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_mean_and_spread_are_those_of_the_statistics_module(values):
    found = estimate(values)
    assert found.mean == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-6)
    assert found.spread == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6)
    assert found.seeds == len(values)


def test_equal_seeds_have_a_spread_of_exactly_nothing():
    assert estimate([0.1] * 3).spread == 0.0


def test_one_seed_has_no_spread():
    assert estimate([2.0]) == Estimate(2.0, None, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_leaves_no_mean(bad):
    found = estimate([1.0, bad])
    assert math.isnan(found.mean)
    assert found.spread is None


@pytest.mark.parametrize(
    ("mean", "spread", "expected"),
    [
        (98.7334, 0.2461, "98.73 ± 0.25"),
        (0.037123, 0.00124, "0.0371 ± 0.0012"),
        (-111.69, 0.322, "−111.69 ± 0.32"),
        (4390.2, 1133.4, "4,390 ± 1,133"),
        (0.0, 0.5, "0.00 ± 0.50"),
        (3.0, 12.4, "3 ± 12"),
        (123.4567891, 0.00012, "123.457 ± 0.00012"),  # six significant digits
        (2e-7, 3e-9, "2e-07 ± 3e-09"),
        (20.0, 0.0, "20"),
        (1234567.0, None, "1,234,567"),
    ],
)
def test_the_spread_decides_on_the_decimals(mean, spread, expected):
    assert printed(Estimate(mean, spread, 3), 3) == expected


def test_seeds_that_are_missing_are_counted():
    assert printed(Estimate(0.5, None, 1), 1) == "0.5"
    assert printed(Estimate(0.5, 0.1, 2), 3) == "0.50 ± 0.10 (2 of 3)"
    assert printed(Estimate(math.nan, None, 3), 3) == "NaN"
