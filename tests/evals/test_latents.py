"""KL, mutual information and the verdict on codes whose distribution is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

from gen_jax.evals import latents
from tests.evals import toy


def evaluate(mean, logvar, count=50, images=None, **overrides):
    images = toy.noise_images(count) if images is None else images
    return latents.evaluate(toy.model(toy.codes(mean, logvar), toy.split(images), **overrides))


def test_kl_per_dimension_is_the_closed_form():
    result = evaluate(lambda x: 2 * x[:, :2], lambda x: jnp.stack([x[:, 2], x[:, 3]], axis=1))
    x = toy.noise_images(50).reshape(50, 4) / 127.5 - 1
    mean, logvar = 2 * x[:, :2], x[:, 2:]
    expected = 0.5 * np.mean(mean**2 + np.exp(logvar) - logvar - 1, axis=0)
    kl = result.arrays["kl_per_dimension"]
    assert kl.dtype == np.float32
    np.testing.assert_allclose(kl, expected, rtol=1e-5)
    assert result.values["kl"] == pytest.approx(expected.sum(), rel=1e-5)
    assert result.values["kl_largest_dimension"] == pytest.approx(expected.max(), rel=1e-5)
    parts = result.values["mutual_information"] + result.values["marginal_kl"]
    assert parts == pytest.approx(expected.sum(), rel=1e-5)
    assert result.verdict.startswith("Posterior in use")


def test_a_code_that_names_the_image_holds_log_n_nats():
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1) * np.ones((2, 2, 1), np.uint8)
    result = evaluate(lambda x: 1e4 * x[:, :1], lambda x: jnp.zeros((len(x), 1)), images=images)
    assert result.values["mutual_information"] == pytest.approx(np.log(50), abs=1e-9)
    assert "log 50 = 3.91" in result.units["mutual_information"]


def test_a_code_that_ignores_the_image_holds_nothing():
    result = evaluate(lambda x: jnp.full((len(x), 3), 0.5), lambda x: jnp.full((len(x), 3), -1.0))
    assert result.values["mutual_information"] == pytest.approx(0, abs=1e-9)
    assert result.values["marginal_kl"] == pytest.approx(result.values["kl"])
    assert result.values["active_units"] == 0
    assert result.verdict.startswith("Posterior collapsed")


def test_information_of_gaussians_is_that_of_a_gaussian_channel():
    rng = np.random.default_rng(0)
    mean, logvar = 0.8 * rng.standard_normal((2000, 1)), np.full((2000, 1), np.log(0.36))
    z = mean + 0.6 * rng.standard_normal((2000, 1))
    information = latents.mutual_information(z, mean, logvar)
    assert information == pytest.approx(0.5 * np.log(1 + 0.64 / 0.36), abs=0.04)


@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 10))
def test_information_is_the_definition_and_at_most_log_n(count, dims, seed):
    rng = np.random.default_rng(seed)
    mean, logvar, eps = rng.normal(0, 2, (3, count, dims))
    z = mean + np.exp(logvar / 2) * eps
    log_q = norm(mean[None], np.exp(logvar / 2)[None]).logpdf(z[:, None]).sum(axis=-1)
    expected = np.mean(np.diag(log_q) - logsumexp(log_q, axis=1, b=1 / count))
    information = latents.mutual_information(z, mean, logvar)
    assert information == pytest.approx(expected, abs=1e-8)
    assert information <= np.log(count) + 1e-9


def test_a_point_for_a_code_has_variance_and_no_kl():
    result = evaluate(lambda x: 3 * x[:, :2], lambda x: jnp.full((len(x), 2), -jnp.inf))
    x = toy.noise_images(50).reshape(50, 4)[:, :2] / 127.5 - 1
    assert result.values["code_variance"] == pytest.approx(9 * x.var(axis=0).mean(), rel=1e-5)
    assert not {"kl", "mutual_information", "aggregate_variance"} & result.values.keys()
    assert not result.arrays
    assert result.values.keys() == result.units.keys()
    assert "autoencoder" in result.verdict


def test_units_count_for_what_they_say_within_a_class():
    labels = np.arange(50) % 5
    images = np.repeat(50 * labels, 4).reshape(50, 2, 2, 1).astype(np.uint8)
    result = evaluate(lambda x: x, lambda x: jnp.zeros_like(x), images=images, conditional=True)
    assert result.values["active_units"] == 0
    assert result.values["active_units_pooled"] == 4
    untold = evaluate(lambda x: x, lambda x: jnp.zeros_like(x), images=images)
    assert untold.values["active_units"] == 4


@pytest.mark.parametrize(
    ("active", "kl", "start"),
    [(1, 9.0, "Posterior collapsed"), (99, 0.9, "Posterior collapsed"), (2, 9.0, "Posterior par")],
)
def test_the_verdict_follows_from_units_and_kl(active, kl, start):
    assert latents.verdict(active, 100, kl).startswith(start)
