"""Diversity of samples against closed forms, and of real images against themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gen_jax.core.state import Family
from gen_jax.evals import diversity
from tests.evals import toy

IMAGES = toy.noise_images(64)


def sampling(sample):
    return Family(lambda key: None, lambda *args: None, sample=sample)


def constant(value):
    return sampling(lambda state, keys, labels: jnp.full((len(labels), *toy.SHAPE), value))


def real_ones(scale=1.0):
    """A family whose samples, in the order of the test set, are its images, scaled."""
    images = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1
    places = {}

    def sample(state, keys, labels):
        start = places.setdefault("next", 0) % len(images)
        places["next"] = start + len(labels)
        return scale * images[start : start + len(labels)]

    return sampling(sample)


def measured(family, **overrides):
    model = toy.model(family, toy.split(IMAGES), **{"eval.batch_size": 64} | overrides)
    return diversity.measure(model, diversity.reference(model))


def test_equal_samples_have_no_distance_and_are_all_duplicates():
    assert measured(constant(0.3)) == {"diversity/distance": 0.0, "diversity/duplicates": 1.0}


def test_real_images_are_as_diverse_as_themselves():
    values = measured(real_ones())
    assert values["diversity/distance"] == pytest.approx(1.0, rel=1e-6)
    assert values["diversity/duplicates"] <= 1 / 64


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_distance_is_relative_to_that_of_real_images(scale):
    assert measured(real_ones(scale))["diversity/distance"] == pytest.approx(scale, rel=1e-6)


def test_two_pictures_are_all_duplicates_at_half_the_distance():
    def sample(state, keys, labels):
        signs = jnp.where(jnp.arange(len(labels)) % 2, 1.0, -1.0)
        return jnp.broadcast_to(signs[:, None, None, None], (len(labels), *toy.SHAPE))

    model = toy.model(sampling(sample), toy.split(IMAGES), **{"eval.batch_size": 64})
    real = diversity.reference(model)
    values = diversity.measure(model, real)
    # 32 of the 63 others are of the other sign, 2 sqrt(4) away.
    assert values["diversity/distance"] == pytest.approx(32 / 63 * 4 / real.distance)
    assert values["diversity/duplicates"] == 1.0


def test_distances_are_those_of_a_double_loop():
    images = np.random.default_rng(1).normal(size=(9, 2, 3, 1))
    square = cdist(images.reshape(9, -1), images.reshape(9, -1))
    mean, nearest = diversity.distances(images)
    assert mean == pytest.approx(square[np.triu_indices(9, 1)].mean())
    np.testing.assert_allclose(nearest, np.sort(square, axis=1)[:, 1])


def test_duplicates_in_the_plane_are_as_many_as_the_law_of_the_nearest_says():
    points = np.random.default_rng(2).uniform(size=(4000, 1, 1, 2))
    _, nearest = diversity.distances(points)
    share = np.mean(nearest < diversity.NEAR * np.median(nearest))
    assert share == pytest.approx(1 - 2 ** -(diversity.NEAR**2), abs=0.01)


def test_the_reference_is_spread_over_a_test_set_sorted_by_class():
    labels = np.repeat(np.arange(5), 40)
    model = toy.model(constant(0), toy.split(toy.noise_images(200), labels))
    assert np.bincount(diversity.reference(model, 20).labels).tolist() == [4] * 5


@pytest.mark.parametrize("images", [toy.noise_images(1), np.repeat(toy.noise_images(3), 2, axis=0)])
def test_there_is_no_reference_without_distances(images):
    assert diversity.reference(toy.model(constant(0), toy.split(images))) is None


def test_the_same_samples_are_drawn_at_every_call_and_compiled_once():
    traced = []

    def sample(state, keys, labels):
        traced.append(len(labels))
        draw = lambda key: jax.random.normal(key, toy.SHAPE)  # noqa: E731
        return state * jax.vmap(draw)(keys)

    model = toy.model(sampling(sample), toy.split(IMAGES), **{"eval.batch_size": 64})
    real = diversity.reference(model)
    first, again, wider = (
        diversity.measure(model._replace(state=jnp.float32(scale), step=step), real)
        for step, scale in enumerate((1, 1, 3))
    )
    assert first == again
    assert wider["diversity/distance"] == pytest.approx(3 * first["diversity/distance"], rel=1e-5)
    assert traced == [64]
