"""The SVM against scikit-learn's, and its gradient against zero."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from gen_jax.evals import linear_svm
from gen_jax.evals.linear_svm import against, choose, fit, standardise


def correlated(count, size, num_classes, seed=0, noise=1.0):
    """Standardised features of few directions, and the classes a noisy linear map makes of them."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(count, max(2, size // 3)))
    features = hidden @ rng.normal(size=(hidden.shape[1], size)) + rng.normal(size=(count, size))
    scores = hidden @ rng.normal(size=(hidden.shape[1], num_classes))
    targets = np.argmax(scores + noise * rng.normal(size=scores.shape), axis=1)
    features = StandardScaler().fit_transform(features).astype(np.float32)
    return features, targets


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("num_classes", [3, 7])
def test_it_is_scikit_learns(strength, num_classes):
    features, targets = correlated(900, 40, num_classes)
    theirs = LinearSVC(C=strength, loss="squared_hinge", dual=False, tol=1e-10, max_iter=10_000)
    theirs.fit(features.astype(np.float64), targets)
    ours = fit(features, against(targets), strength, tolerance=1e-6)
    size = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.weights, theirs.coef_, atol=1e-3 * size)
    np.testing.assert_allclose(ours.intercepts, theirs.intercept_, atol=1e-3 * size)
    assert np.mean(ours.predict(features) == theirs.predict(features)) > 0.995


@given(st.integers(0, 100), st.sampled_from([1e-5, 1e-3, 1e-1]), st.integers(5, 1300))
def test_the_gradient_in_float64_vanishes_where_it_stops(seed, strength, count):
    features, targets = correlated(count, 12, 4, seed)
    signs = against(targets)

    def gradient(weights, intercepts):
        x, y = features.astype(np.float64), signs.astype(np.float64)
        slack = y * np.maximum(0, 1 - y * (x @ weights.T + intercepts[None]))
        return np.abs(
            np.c_[weights, intercepts] - 2 * strength * np.c_[slack.T @ x, slack.sum(axis=0)]
        ).max()

    svm = fit(features, signs, strength)
    unit = gradient(np.zeros_like(svm.weights), np.zeros_like(svm.intercepts))
    assert svm.gradient <= linear_svm.TOLERANCE
    assert gradient(svm.weights, svm.intercepts) / unit == pytest.approx(svm.gradient, abs=1e-5)


def test_it_is_the_same_from_anywhere():
    features, targets = correlated(700, 30, 3)
    other = fit(features, against(targets), 1.0)
    cold, warm = (
        fit(features, against(targets), 1e-2, start, tolerance=1e-5) for start in (None, other)
    )
    np.testing.assert_allclose(warm.weights, cold.weights, atol=1e-3 * np.abs(cold.weights).max())


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch):
    features, targets = correlated(3000, 20, 3)
    fitted = []
    for threads in (1, 5):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        fitted.append(fit(features, against(targets), 1e-2))
    np.testing.assert_array_equal(fitted[0].weights, fitted[1].weights)
    np.testing.assert_array_equal(fitted[0].intercepts, fitted[1].intercepts)


@given(st.integers(2, 1100), st.floats(-1e3, 1e3), st.floats(1e-2, 1e3))
def test_standardised_features_have_mean_0_and_deviation_1(count, centre, spread):
    rng = np.random.default_rng(count)
    raw = (centre + spread * rng.normal(size=(count, 3))).astype(np.float32)
    raw[:, 1] = centre
    theirs = StandardScaler().fit(raw[:, ::2].astype(np.float64))
    features = raw.copy()
    mean, deviation = standardise(features)
    np.testing.assert_allclose(mean[::2], theirs.mean_, rtol=1e-6, atol=1e-6 * spread)
    np.testing.assert_allclose(deviation[::2], theirs.scale_, rtol=1e-6)
    assert deviation[1] == 1
    np.testing.assert_allclose(
        features[:, ::2], theirs.transform(raw[:, ::2].astype(np.float64)), atol=1e-6
    )
    np.testing.assert_allclose(features[:, 1], 0, atol=1e-9 * abs(centre))


def test_the_chosen_strength_is_the_best_on_what_it_was_not_fitted_to(monkeypatch):
    monkeypatch.setattr(linear_svm, "CHOSEN_ON", 400)
    features, targets = correlated(700, 60, 4, noise=6.0)
    order = np.random.default_rng(7).permutation(700)[:400]
    held, rest = order[:40], order[40:]
    right = []
    for strength in linear_svm.STRENGTHS:
        theirs = LinearSVC(C=strength, dual=False, tol=1e-8).fit(features[rest], targets[rest])
        right.append(np.sum(theirs.predict(features[held]) == targets[held]))
    assert len(set(right)) > 1
    assert choose(features, targets, seed=7) == linear_svm.STRENGTHS[np.argmax(right)]


def test_noise_wants_the_strongest_penalty_of_those_that_tie():
    targets = np.arange(50) % 2
    assert choose(np.zeros((50, 3), np.float32), targets, seed=0) == linear_svm.STRENGTHS[0]
