"""Counting modes: samplers that hit some of them, miss all of them, or are the data itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from gen_jax.core.state import Family
from gen_jax.data.points import MIXTURES
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.evals import modes
from tests.evals import toy

NAMES = tuple(MIXTURES)
QUALITY = 1 - np.exp(-4.5)
ERROR = 5 * np.sqrt(QUALITY * (1 - QUALITY) / modes.SAMPLES)


def split(name):
    """As many points as there are modes, each on a centre."""
    mixture = MIXTURES[name]
    count = len(mixture.modes)
    spec = DataSpec(
        name, (1, 1, 2), count, tuple(map(str, range(count))), count,
        modes=mixture.modes, mode_std=mixture.std,
    )  # fmt: skip
    points = np.array(mixture.modes, np.float32).reshape(-1, 1, 1, 2)
    return ArraySplit(spec, points, np.arange(count, dtype=np.int32))


def around(name, spread, hit=None, labelled=False):
    """A family whose samples lie around the first `hit` modes, `spread` standard deviations off."""
    mixture = MIXTURES[name]
    centres = jnp.asarray(mixture.modes, jnp.float32)[:hit]

    def one(key, label):
        mode_key, noise_key = jax.random.split(key)
        mode = label if labelled else jax.random.randint(mode_key, (), 0, len(centres))
        return centres[mode] + spread * mixture.std * jax.random.normal(noise_key, (2,))

    def sample(state, keys, labels):
        return jax.vmap(one)(keys, labels).reshape(-1, 1, 1, 2)

    return Family(lambda key: None, lambda *args: None, sample=sample)


def evaluate(name, family, **overrides):
    overrides = {"eval.batch_size": 2500} | overrides
    return modes.evaluate(toy.model(family, split(name), **overrides))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hit", [1, 3, 8])
def test_a_sampler_of_some_modes_finds_those(name, hit):
    result = evaluate(name, around(name, 0.0, hit))
    total = len(MIXTURES[name].modes)
    values = result.values
    assert (values["modes_found"], values["modes"], values["high_quality"]) == (hit, total, 1)
    assert values["kl"] == pytest.approx(np.log(total / hit), abs=0.02)
    assert ("All 8 modes" if hit == total else f"{hit} of {total} modes") in result.verdict


@pytest.mark.parametrize("name", NAMES)
def test_the_data_itself(name):
    result = evaluate(name, around(name, 1.0))
    total = len(MIXTURES[name].modes)
    assert result.values["modes_found"] == total
    assert result.values["high_quality"] == pytest.approx(QUALITY, abs=ERROR)
    # 2 n KL is about chi-squared with M - 1 degrees of freedom.
    degrees = total - 1
    assert result.values["kl"] < (degrees + 5 * np.sqrt(2 * degrees)) / (2 * 2450)
    assert "98.9% of the data" in result.verdict
    assert result.units.keys() == result.values.keys()


def test_noise_far_from_every_mode_finds_none():
    centre = around("ring", 5.0, 1).sample
    family = around("ring", 0.0)._replace(sample=lambda *args: 0.5 * centre(*args))
    result = evaluate("ring", family)
    assert result.values == {"modes_found": 0, "modes": 8, "high_quality": 0}
    assert result.verdict.startswith("0 of 8 modes are found; 0.0% of the samples")
    assert result.units.keys() == result.values.keys()


def test_wide_noise_is_of_high_quality_as_often_as_chi_squared_says():
    # Within 3 of 5 standard deviations: P(chi2 <= 9/25).
    expected = 1 - np.exp(-9 / 50)
    found = evaluate("grid", around("grid", 5.0)).values["high_quality"]
    assert found == pytest.approx(expected, abs=5 * np.sqrt(expected / modes.SAMPLES))


def test_five_standard_deviations_off_is_no_quality():
    shift = 5 * MIXTURES["grid"].std
    exact = around("grid", 0.0).sample
    family = around("grid", 0.0)._replace(sample=lambda *args: exact(*args) + shift / np.sqrt(2))
    assert evaluate("grid", family).values["high_quality"] == 0


def test_a_conditional_model_is_asked_for_every_mode_alike():
    result = evaluate("grid", around("grid", 0.0, labelled=True), conditional=True)
    assert result.values == {"modes_found": 25, "modes": 25, "high_quality": 1, "kl": 0}
    assert result.protocol["labels"] == "dealt evenly"
    # Without labels they are all zero.
    assert evaluate("grid", around("grid", 0.0, labelled=True)).values["modes_found"] == 1


def test_a_diverged_generator_finds_nothing():
    nowhere = around("ring", float("nan"))
    assert evaluate("ring", nowhere).values["high_quality"] == 0


def test_arrays_for_the_report():
    arrays = evaluate("ring", around("ring", 1.0)).arrays
    shapes = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    assert shapes == {
        "points_samples": ((2500, 2), np.float32),
        "points_real": ((8, 2), np.float32),
        "points_modes": ((8, 2), np.float32),
        "points_radius": ((1,), np.float32),
    }
    np.testing.assert_allclose(arrays["points_radius"], 0.06, rtol=1e-6)
    np.testing.assert_array_equal(arrays["points_real"], arrays["points_modes"])


def test_samples_follow_the_seed_and_not_the_blocks():
    family = around("ring", 1.0)
    first, again, blocks, other = (
        evaluate("ring", family, **changes).arrays["points_samples"]
        for changes in ({}, {}, {"eval.batch_size": 999}, {"seed": 7})
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, blocks)
    assert (first != other).any()


def test_pictures_have_no_modes():
    family = around("ring", 1.0)
    assert modes.evaluate(toy.model(family, toy.split(toy.noise_images(3)))) is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any))
def test_kl_is_that_of_scipy(counts):
    counts = np.array(counts)
    expected = entropy(counts, np.ones(len(counts)))
    assert modes.kl_from_uniform(counts) == pytest.approx(expected, abs=1e-12)
    assert modes.kl_from_uniform(counts) >= 0


def test_counts_by_hand():
    centres = np.array([[0.0, 0.0], [10.0, 0.0]])
    samples = np.array([[2.9, 0], [3.1, 0], [10, 3], [np.nan, 0], [np.inf, 0], [5, 0], [12, 2]])
    assert modes.high_quality_counts(samples, centres, 1.0).tolist() == [1, 2]
