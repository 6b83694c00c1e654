"""What evaluations are given: images as the family observes them, in any block size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.data import Subset
from gen_jax.errors import UserError
from gen_jax.evals import reconstruction
from gen_jax.evals.model import to_uint8
from tests.evals import toy

IMAGES = toy.noise_images(20)


def flat(images):
    return images.reshape(len(images), -1)


def observing():
    """Pixels white with their brightness as probability; codes and metrics are what was seen."""

    def observe(images, keys):
        white = jax.vmap(jax.random.bernoulli)(keys, (images + 1) / 2)
        return jnp.where(white, 1.0, -1.0)

    return Family(
        lambda key: None,
        lambda *args: None,
        encode=lambda state, images, labels: (flat(images), jnp.zeros((len(images), 4))),
        metrics=lambda state, batch, keys: {"mse": jnp.mean(flat(batch["image"]), axis=1)},
        observe=observe,
    )


def test_all_evaluations_see_the_same_observed_images():
    model = toy.model(observing(), toy.split(IMAGES))
    seen = model.observed(model.test, np.arange(20))["image"]
    assert set(np.unique(seen)) == {-1.0, 1.0}
    np.testing.assert_array_equal(model.encode(20)[0], flat(seen))
    np.testing.assert_array_equal(model.metrics(20)["mse"], flat(seen).mean(axis=1))
    blocks = [batch["image"] for _, batch in model.blocks(model.test, 20)]
    np.testing.assert_array_equal(np.concatenate(blocks), seen)


def test_an_observed_image_depends_on_its_place_alone():
    model = toy.model(observing(), toy.split(IMAGES))
    seen = model.observed(model.test, np.arange(20))["image"]
    np.testing.assert_array_equal(model.observed(model.test, [13, 2])["image"], seen[[13, 2]])
    larger = toy.model(observing(), toy.split(IMAGES), **{"eval.batch_size": 20})
    np.testing.assert_array_equal(larger.encode(20)[0], flat(seen))
    reseeded = toy.model(observing(), toy.split(IMAGES), seed=1)
    assert np.any(reseeded.encode(20)[0] != flat(seen))


def test_a_training_image_has_not_the_noise_of_the_test_image_of_its_number():
    model = toy.model(observing(), toy.split(IMAGES), toy.split(IMAGES))
    seen, training = (
        model.observed(split, np.arange(20))["image"] for split in (model.test, model.train)
    )
    assert np.any(seen != training)


def test_some_of_the_test_images_are_observed_as_all_of_them_are():
    model = toy.model(observing(), toy.split(IMAGES))
    seen = model.observed(model.test, np.arange(20))["image"]
    some = Subset(model.test.spec, model.test, np.array([3, 11, 12]))
    np.testing.assert_array_equal(model.observed(some, np.array([0, 2]))["image"], seen[[3, 12]])


def test_images_are_as_they_are_without_observe():
    family = observing()._replace(observe=None)
    model = toy.model(family, toy.split(IMAGES))
    np.testing.assert_array_equal(to_uint8(model.encode(20)[0]), flat(IMAGES))


def test_another_split_is_encoded_as_well():
    others = toy.noise_images(9, seed=1)
    family = observing()._replace(observe=None)
    model = toy.model(family, toy.split(IMAGES), toy.split(others))
    np.testing.assert_array_equal(to_uint8(model.encode(100, model.train)[0]), flat(others))
    assert len(model.encode(100)[0]) == 20


def test_blocks_are_of_the_size_asked_for():
    family = observing()._replace(
        metrics=lambda state, batch, keys: {"size": jnp.full(len(keys), len(batch["image"]))}
    )
    model = toy.model(family, toy.split(IMAGES))
    np.testing.assert_array_equal(model.metrics(20)["size"], [7] * 14 + [6] * 6)
    np.testing.assert_array_equal(model.metrics(18, 8)["size"], [8] * 16 + [2] * 2)
    np.testing.assert_array_equal(model.metrics(99, 99)["size"], [20] * 20)
    indices, images = zip(*model.blocks(model.test, 20, 8), strict=True)
    assert [len(block["image"]) for block in images] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate(indices), np.arange(20))


def test_a_missing_function_is_a_users_error():
    with pytest.raises(UserError, match="family vae cannot decode"):
        toy.model(observing(), toy.split(IMAGES)).jitted("decode")


def test_reconstruction_averages_and_names_the_pixels():
    overrides = {"loss.binarise": "dynamic", "loss.likelihood": "bernoulli"}
    seen = observing()

    def metrics(state, batch, keys):
        found = seen.metrics(state, batch, keys)
        return found | {"elbo": -found["mse"], "loss/total": found["mse"]}

    family = seen._replace(metrics=metrics)
    model = toy.model(family, toy.split(IMAGES), **overrides)
    result = reconstruction.evaluate(model, 11)
    assert result.values["mse"] == pytest.approx(model.metrics(11)["mse"].mean())
    assert result.protocol["num_examples"] == 11
    assert result.protocol["binarise"] == "dynamic"
    bernoulli = {"likelihood": "bernoulli"}
    assert result.protocol["of"] == {"elbo": bernoulli, "loss/total": bernoulli}
    # The squared error of another family is of the same kind, its loss is not.
    other = reconstruction.evaluate(toy.model(family, model.test, family="cvae_gan"))
    assert other.protocol["binarise"] == "none"
    assert other.protocol["of"]["loss/total"] == {"objective": "cvae_gan"}
    assert "mse" not in other.protocol["of"]


def test_reconstruction_of_corrupted_input_says_so():
    clean = toy.model(observing(), toy.split(IMAGES))
    noise = {"loss.corruption": "gaussian", "loss.corruption_level": 0.5}
    noisy = toy.model(observing(), toy.split(IMAGES), **noise)
    result, without = (reconstruction.evaluate(each) for each in (noisy, clean))
    said = {"corruption": "gaussian", "corruption_level": 0.5}
    assert result.protocol == without.protocol | said
    assert result.units["mse"] == without.units["mse"] + "; of corrupted input"


def test_pictures_of_a_diverged_model_are_refused():
    with pytest.raises(UserError, match="diverged"):
        to_uint8(np.array([0.0, np.nan]))
    np.testing.assert_array_equal(to_uint8(np.array([-2.0, 2.0])), [0, 255])
