"""What the evaluation makes of a model: linear encoders of pixels that are the factors."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import keys
from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.evals import disentanglement
from gen_jax.evals.disentanglement import evaluation, interventions
from tests.evals import toy

FACTORS = np.repeat(list(itertools.product(range(4), range(5), range(3))), 5, axis=0)
NAMES = ("shape", "size", "x")
SPEC = DataSpec("made", (2, 2, 1), 1, ("all",), 300, (("shape", 4), ("size", 5), ("x", 3)))
SCORES = set(evaluation.NAMES)


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    monkeypatch.setattr(interventions, "TRAIN_POINTS", 600)
    monkeypatch.setattr(interventions, "TEST_POINTS", 300)


def split(factors=FACTORS, spec=SPEC):
    """One pixel a factor, of contrasts that PCA tells apart, and one that is constant."""
    images = np.zeros((len(factors), 2, 2, 1), np.uint8)
    for k, contrast in enumerate((60, 30, 20)):
        images.reshape(len(factors), 4)[:, k] = factors[:, k] * contrast
    return ArraySplit(spec, images, np.zeros(len(factors), np.int32), factors)


def init(key):
    return jax.random.normal(key, (4, 3))


def encode(state, images, labels):
    mean = images.reshape(len(images), 4) @ state
    return mean, jnp.zeros_like(mean)


FAMILY = Family(init=init, step=None, encode=encode)


def model(test=None, **overrides):
    test = split() if test is None else test
    made = toy.model(FAMILY, test, **{"z_dim": 3} | overrides)
    return made._replace(state=jnp.eye(4, 3))


def test_an_encoder_that_reads_the_factors():
    result = disentanglement.evaluate(model())
    assert result.values.keys() == result.units.keys() == SCORES
    assert all(value == pytest.approx(1, abs=1e-6) for value in result.values.values())
    np.testing.assert_allclose(result.arrays["factor_information"], np.eye(3), atol=1e-6)
    assert result.arrays["factor_information"].dtype == np.float32
    assert result.arrays["factor_names"].tolist() == list(NAMES)
    assert result.protocol["num_examples"] == 300
    assert "chance 0.333" in result.units["higgins"]
    assert result.verdict == ""


def test_baselines_stand_beside_the_model(monkeypatch):
    """PCA finds axes of different contrast; a random matrix mixes them."""
    made = model(**{"eval.baselines": True, "seed": 7})
    result = disentanglement.evaluate(made)
    names = {key.split("/")[0] for key in result.values if "/" in key}
    assert names == {"pixels", "pca", "ica", "untrained"}
    assert {key for key in result.values if key.startswith("pixels/")} == {
        "pixels/higgins", "pixels/factor_vae", "pixels/mig",
    }  # fmt: skip
    assert result.units.keys() == result.values.keys()
    for name in ("pixels/mig", "pca/higgins", "pca/dci_disentanglement", "ica/dci_completeness"):
        assert result.values[name] == pytest.approx(1, abs=1e-3)
    weights = np.asarray(init(keys.stream(7, "init")))
    mixed = scaled(made.test.images).reshape(-1, 4) @ weights
    expected = disentanglement.mig(mixed, FACTORS)
    assert result.values["untrained/mig"] == pytest.approx(expected, abs=0.02)
    assert expected < 0.5
    assert result.verdict.startswith("Above every baseline on ")

    monkeypatch.setattr(evaluation, "MOST_VALUES", 3)
    left = disentanglement.evaluate(made)
    assert {key.split("/")[0] for key in left.values if "/" in key} == {"untrained"}
    assert "above 3 values" in left.protocol["baselines"]


def test_baselines_are_fitted_to_training_images():
    train = split(np.flip(FACTORS[:40], axis=0))
    made = model(**{"eval.baselines": True})
    other = disentanglement.evaluate(made._replace(train=train))
    assert "first 40 training images" in other.protocol["baselines"]
    same = disentanglement.evaluate(made)
    assert other.values["pca/mig"] != same.values["pca/mig"]
    assert other.values["pixels/mig"] == same.values["pixels/mig"]


def test_a_factor_that_does_not_vary_is_left_out():
    few = FACTORS[FACTORS[:, 1] == 2]
    result = disentanglement.evaluate(model(split(few)))
    assert result.arrays["factor_names"].tolist() == ["shape", "x"]
    assert result.arrays["factor_information"].shape == (3, 2)
    assert result.protocol["factors"] == ["shape", "x"]


def test_only_the_first_images_are_used(monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_IMAGES", 120)
    shuffled = FACTORS[np.random.default_rng(0).permutation(300)]
    result = disentanglement.evaluate(model(split(shuffled)))
    assert result.protocol["num_examples"] == 120
    z = scaled(split(shuffled).images[:120]).reshape(-1, 4)[:, :3]
    assert result.values["mig"] == pytest.approx(disentanglement.mig(z, shuffled[:120]), abs=1e-6)


def test_nothing_to_say_without_two_factors_or_unasked():
    assert disentanglement.evaluate(model(toy.split(toy.noise_images(50)))) is None
    one = FACTORS[(FACTORS[:, 1] == 2) & (FACTORS[:, 2] == 1)]
    assert disentanglement.evaluate(model(split(one))) is None
    assert disentanglement.evaluate(model(**{"eval.disentanglement": False})) is None
