"""Reconstructions and fitted codes against samples: who is at fault where we know it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.errors import UserError
from gen_jax.evals import ex_post, fidelity
from tests.evals import toy

SHAPE = (8, 8, 1)
Z = 3


def pictures(codes):
    """Codes [n, Z] as images: three grey bars."""
    bars = jnp.repeat(jax.nn.sigmoid(codes), jnp.array([3, 3, 2]), axis=1, total_repeat_length=8)
    return jnp.tile(2 * bars[:, None, :, None] - 1, (1, 8, 1, 1))


def family():
    """Codes correlate and lie off the prior; the decoder is right everywhere."""

    def encode(state, images, labels):
        columns = jnp.stack([images[:, 0, at, 0] for at in (0, 3, 6)], axis=1)
        codes = jax.scipy.special.logit(jnp.clip((columns + 1) / 2, 1e-3, 1 - 1e-3))
        return codes, jnp.full_like(codes, -12.0)

    def decode(state, z, labels):
        return pictures(z)

    def sample(state, keys, labels):
        return pictures(jax.vmap(lambda key: jax.random.normal(key, (Z,)))(keys))

    return Family(lambda key: None, lambda *args: None, sample=sample, encode=encode, decode=decode)


def data(count, seed):
    rng = np.random.default_rng(seed)
    codes = np.array([1.0, -1.0, 0.5]) + 0.4 * rng.normal(size=(count, 1)) * np.array([1, 1, -1])
    codes = codes + 0.1 * rng.normal(size=codes.shape)
    grey = np.rint((np.asarray(pictures(jnp.asarray(codes, jnp.float32))) + 1) * 127.5)
    return toy.split(grey.astype(np.uint8))


def model(weights, **overrides):
    settings = {
        "eval.classifier": weights,
        "eval.fidelity_samples": 200,
        "eval.fidelity_reals": 0,
        "eval.cache": "",
        "eval.ex_post": True,
    }
    return toy.model(family(), data(200, 1), data(300, 2), **(settings | overrides))


def test_codes_off_the_prior_are_the_priors_fault(weights):
    ours = model(weights)
    result = ex_post.evaluate(ours)
    prior = fidelity.through_classifier(ours).values
    floor, samples = prior["floor/fd_classifier"], prior["fd_classifier"]
    fitted = result.values["fitted/fd_classifier"]
    rebuilt = result.values["reconstructions/fd_classifier"]
    assert rebuilt == pytest.approx(floor, rel=0.1)
    assert fitted < samples / 5
    assert fitted == pytest.approx(floor, abs=samples / 10)
    assert result.units.keys() == result.values.keys()
    assert result.errors.keys() <= result.values.keys()
    assert result.protocol["num_examples"] == 200


def test_fitted_codes_have_the_moments_of_the_codes(weights):
    ours = model(weights)
    codes = ours.encode(300, ours.train)[0]
    drawn = ex_post._fitted(ours, 300, np.zeros(20_000, np.int32))
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.02)
    few = ex_post._fitted(ours, 300, np.zeros(5, np.int32))
    np.testing.assert_array_equal(few, drawn[:5])


def test_codes_that_lie_apart_by_label_are_fitted_by_label(weights):
    base = model(weights)
    apart = 3.0 * np.asarray(base.train.labels[:300], np.float32)[:, None]

    def encode(state, images, labels):
        codes = base.family.encode(state, images, labels)[0] + 3.0 * labels[:, None]
        return codes, jnp.full_like(codes, -12.0)

    ours = base._replace(family=base.family._replace(encode=encode))
    ours.config.conditional = True
    codes, labels = ours.encode(300, ours.train)[0], np.asarray(ours.train.labels[:300])
    drawn = ex_post._fitted(ours, 300, np.resize(labels, 20_000))
    for label in np.unique(labels):
        mean = drawn[np.resize(labels, 20_000) == label].mean(axis=0)
        np.testing.assert_allclose(mean, codes[labels == label].mean(axis=0), atol=0.05)
    np.testing.assert_allclose(
        np.cov((drawn - 3.0 * np.resize(labels, 20_000)[:, None]).T),
        np.cov((codes - apart).T),
        atol=0.03,
    )


def test_codes_in_a_plane_are_fitted_as_well(weights):
    flat = family()
    inner = flat.encode

    def encode(state, images, labels):
        codes = inner(state, images, labels)[0]
        return codes.at[:, 2].set(0.0), jnp.full_like(codes, -60.0)

    flat = model(weights)._replace(family=flat._replace(encode=encode))
    drawn = ex_post._fitted(flat, 300, np.zeros(50, np.int32))
    assert np.isfinite(drawn).all()
    assert np.abs(drawn[:, 2]).max() < 1e-6


def test_anomalies_are_left_out(weights):
    ours = model(weights, **{"data.train_classes": (0, 1)})
    assert ex_post.evaluate(ours).protocol["num_reconstructed"] == 80


def test_too_few_test_images_are_seen_before_the_training(weights):
    ours = model(weights, **{"eval.allow_few": False, "eval.fidelity_samples": 3})
    with pytest.raises(UserError, match=r"eval\.ex_post: 3 images"):
        ex_post.check(ours.config, ours.test)


def test_it_does_not_depend_on_the_block_size(weights):
    one, other = (
        ex_post.evaluate(model(weights, **{"eval.batch_size": size})).values for size in (7, 200)
    )
    assert one == pytest.approx(other, rel=1e-5)


def test_who_does_not_ask_or_encode_gets_none(weights):
    assert ex_post.evaluate(model(weights, **{"eval.ex_post": False})) is None
    with pytest.raises(UserError, match=r"pass eval\.classifier"):
        ex_post.evaluate(model(None))
    ours = model(weights)
    assert ex_post.evaluate(ours._replace(family=ours.family._replace(encode=None))) is None
