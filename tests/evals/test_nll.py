"""The importance-sampled bound against exact likelihoods of linear Gaussian models."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gen_jax.evals import nll
from tests.evals import toy

LOADINGS = np.array([[0.8, 0.3], [0.4, -0.6], [0.2, 0.0], [0.0, 0.0]])
SIGMA = 0.5
IMAGES = toy.noise_images(20)


def exact():
    """Mean over images of -log N(x; 0, W W' + sigma^2 I)."""
    covariance = LOADINGS @ LOADINGS.T + SIGMA**2 * np.eye(4)
    flat = IMAGES.reshape(20, 4) / 127.5 - 1
    return -multivariate_normal(np.zeros(4), covariance).logpdf(flat)


def evaluate(samples, widen=0.0, shift=0.0, **overrides):
    family = toy.linear_gaussian(LOADINGS, SIGMA, widen, shift)
    settings = {"eval.nll_samples": samples, "eval.nll_examples": 20, **overrides}
    return nll.evaluate(toy.model(family, toy.split(IMAGES), **settings))


def test_loadings_are_orthogonal():
    assert LOADINGS[:, 0] @ LOADINGS[:, 1] == pytest.approx(0, abs=1e-12)


def test_one_draw_is_exact_when_the_posterior_is():
    result = evaluate(samples=1)
    assert result.values["nll"] == pytest.approx(exact().mean(), abs=1e-5)
    assert result.values["elbo_same"] == pytest.approx(-exact().mean(), abs=1e-5)
    error = exact().std(ddof=1) / np.sqrt(20)
    assert result.values["nll_standard_error"] == pytest.approx(error, abs=1e-5)


def test_the_bound_tightens_to_the_exact_likelihood():
    result = evaluate(samples=2000, widen=0.7, shift=0.3)
    curve, sizes = result.arrays["nll_curve"], result.arrays["nll_curve_k"]
    assert sizes.tolist() == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]
    # q's variance is e^0.7 times, its mean 0.3 off the posterior's: KL(q || p) by hand.
    precision = 1 + np.sum(LOADINGS**2, axis=0) / SIGMA**2
    gap = 0.5 * np.sum(np.exp(0.7) + 0.3**2 * precision - 0.7 - 1)
    assert curve[0] == pytest.approx(exact().mean() + gap, abs=0.05)
    assert result.values["elbo_same"] == pytest.approx(-curve[0], abs=1e-5)
    assert np.all(np.diff(curve) < 2e-3)
    assert curve[-1] == pytest.approx(exact().mean(), abs=0.01)
    assert result.values["nll"] == pytest.approx(curve[-1], abs=1e-5)


def test_draws_of_an_image_do_not_depend_on_its_block():
    small = evaluate(samples=5, widen=0.7)
    large = evaluate(samples=5, widen=0.7, **{"eval.batch_size": 20})
    np.testing.assert_allclose(small.arrays["nll_curve"], large.arrays["nll_curve"], rtol=1e-6)


def test_only_the_images_asked_for_count():
    result = evaluate(samples=1, **{"eval.nll_examples": 9})
    assert result.protocol["num_examples"] == 9
    assert result.values["nll"] == pytest.approx(exact()[:9].mean(), abs=1e-5)


def test_bits_per_dim_only_where_pixels_have_bits():
    bits = evaluate(samples=1, **{"loss.likelihood": "logistic"}).values
    assert bits["nll_bits_per_dim"] == pytest.approx(bits["nll"] / 4 / np.log(2))
    assert "nll_bits_per_dim" not in evaluate(samples=1).values


def test_a_bernoulli_of_grey_pixels_is_said_to_be_no_likelihood():
    overrides = {"loss.likelihood": "bernoulli", "loss.binarise": "none"}
    assert "no log-likelihood" in evaluate(samples=1, **overrides).verdict
    overrides["loss.binarise"] = "dynamic"
    assert not evaluate(samples=1, **overrides).verdict


def test_without_draws_or_with_a_point_for_a_code_there_is_none():
    assert evaluate(samples=0) is None
    assert evaluate(samples=5, **{"eval.nll_examples": 0}) is None
    assert evaluate(samples=5, widen=-jnp.inf) is None


@given(st.integers(1, 700))
def test_the_ladder_rises_to_the_number_of_draws(draws):
    rungs = nll.ladder(draws)
    assert rungs == sorted(set(rungs))
    assert rungs[0] == 1
    assert rungs[-1] == draws


@given(st.lists(st.integers(-800, 800), min_size=4, max_size=12))
def test_bounds_are_means_over_disjoint_groups(weights):
    log_weights = np.array(weights, np.float32)[:, None] + np.array([[0.0, 1.0, -5.0]])
    k = len(weights)
    whole, single, threes = nll.group_bounds(iter(log_weights), [k, 1, 3])
    np.testing.assert_allclose(whole, logsumexp(log_weights, axis=0) - np.log(k), atol=1e-9)
    np.testing.assert_allclose(single, log_weights.mean(axis=0), atol=1e-9)
    groups = log_weights[: k - k % 3].reshape(-1, 3, 3)
    expected = (logsumexp(groups, axis=1) - np.log(3)).mean(axis=0)
    np.testing.assert_allclose(threes, expected, atol=1e-9)
