"""Names of samples by classifiers that name an image by its brightness, exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, entropy

from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.evals import classified, namer
from gen_jax.evals.model import to_uint8
from tests.evals import toy

STEP = 25
"""Class k is the image of brightness 25 k."""


def shades(classes):
    """uint8 [n, 2, 2, 1], every image one shade."""
    return np.broadcast_to(STEP * np.asarray(classes)[:, None, None, None], (len(classes), 2, 2, 1))


def by_brightness(images):
    """Names of shades, all as sure as the class is high."""
    label = jnp.rint((jnp.mean(images, axis=(1, 2, 3)) + 1) * 127.5 / STEP).astype(jnp.int32)
    return label, jnp.array([0.5, 0.6, 0.91, 0.95, 1.0])[label]


@pytest.fixture(autouse=True)
def _named_by_brightness(monkeypatch):
    named = namer.Namer(jax.jit(by_brightness), "digest of the file")
    monkeypatch.setattr(classified, "load", lambda path, spec: named)


def sampler(rule):
    """A family whose sample i of `model.keys` is the shade of class rule(i, label)."""

    def sample(state, keys, labels):
        # The keys that follow from the seed are told apart by their data.
        data = jax.random.key_data(keys)
        label = rule(data, labels)
        return scaled(STEP * label.astype(jnp.uint8))[:, None, None, None] * jnp.ones((1, 2, 2, 1))

    return Family(lambda key: None, lambda *args: None, sample=sample)


def evaluate(rule, real=(0, 1, 2, 3, 4), count=40, **overrides):
    test = toy.split(shades(real).astype(np.uint8), np.array(real))
    overrides = {"eval.classifier": "file", "eval.classified": count} | overrides
    return classified.evaluate(toy.model(sampler(rule), test, **overrides))


def test_shares_entropy_and_total_variation_are_those_of_the_histograms():
    result = evaluate(lambda data, labels: (data[:, 0] % 4).astype(jnp.int32), real=(0, 0, 1, 2, 4))
    shares = result.arrays["class_shares"].astype(float)
    assert shares.sum() == pytest.approx(1)
    real = np.array([0.4, 0.2, 0.2, 0, 0.2])
    np.testing.assert_allclose(result.arrays["class_shares_real"], real, rtol=1e-6)
    values = result.values
    assert [values[f"class_share/{name}"] for name in "abcde"] == pytest.approx(shares)
    assert values["class_entropy"] == pytest.approx(entropy(shares))
    assert values["class_entropy_maximum"] == pytest.approx(np.log(4))
    assert values["class_tv"] == pytest.approx(0.5 * np.abs(shares - real).sum())
    assert (values["classes_found"], values["classes"]) == (3, 4)
    assert values["classifier_accuracy"] == 1
    sure = np.array([0.5, 0.6, 0.91, 0.95, 1.0])
    assert values["classified_confidence"] == pytest.approx(shares @ sure)
    assert values["classified_confident"] == pytest.approx(shares[2:].sum())
    assert values["classified_confidence_real"] == pytest.approx(real @ sure)
    assert values["classified_confident_real"] == pytest.approx(0.4)
    assert values.keys() == result.units.keys()
    assert result.protocol["num_samples"] == 40
    assert result.protocol["num_examples"] == 5
    assert result.protocol["classifier_digest"] == "digest of the file"
    assert "class_agreement" not in values


def test_a_conditional_model_is_asked_for_every_class_in_turn():
    result = evaluate(lambda data, labels: jnp.minimum(labels, 3), conditional=True)
    np.testing.assert_allclose(result.arrays["class_shares"], [0.2, 0.2, 0.2, 0.4, 0], rtol=1e-6)
    assert result.values["class_agreement"] == pytest.approx(0.8)
    assert "0.80 of samples show the class asked for" in result.verdict


def test_whoever_shows_what_is_asked_for_is_right_about_shares_that_differ():
    # Nobody asks in the test set's proportions.
    result = evaluate(lambda data, labels: labels, real=(0, 0, 0, 0, 1, 2, 3, 4), conditional=True)
    assert result.values["class_tv"] == pytest.approx(0)
    np.testing.assert_allclose(result.arrays["class_shares_real"], np.full(5, 0.2), rtol=1e-6)
    by_data = evaluate(lambda data, labels: labels // 2, real=(0, 0, 1, 1, 2), conditional=True)
    assert by_data.values["class_tv"] == pytest.approx(2 / 15)
    assert result.protocol["of"]["class_tv"] == classified.EVENED
    assert "of" not in evaluate(lambda data, labels: labels).protocol


def test_classes_not_trained_on_are_neither_asked_for_nor_looked_for():
    chosen = {"conditional": True, "data.train_classes": ("b", "e")}
    result = evaluate(lambda data, labels: labels, **chosen)
    np.testing.assert_allclose(result.arrays["class_shares"], [0, 0.5, 0, 0, 0.5])
    np.testing.assert_allclose(result.arrays["class_shares_real"], [0, 0.5, 0, 0, 0.5])
    assert result.values["class_tv"] == 0
    assert (result.values["classes_found"], result.values["classes"]) == (2, 2)
    np.testing.assert_array_equal(result.arrays["classified_labels"], [1, 4])
    assert evaluate(lambda data, labels: labels, real=(0, 2), **chosen) is None


def test_the_first_samples_of_each_class_are_kept_in_order():
    def rule(data, labels):
        return jnp.where(labels == 1, 0, labels)

    result = evaluate(rule, count=43, conditional=True)
    pictures, mask = result.arrays["classified_samples"], result.arrays["classified_mask"]
    assert pictures.shape == (5, classified.COLUMNS, 2, 2, 1)
    assert pictures.dtype == np.uint8
    np.testing.assert_array_equal(mask, [[True] * 8, [False] * 8, *[[True] * 8] * 3])
    for label in (0, 2, 3, 4):
        assert (pictures[label] == STEP * label).all()
    assert (pictures[1] == 255).all()
    short = evaluate(rule, count=12, conditional=True).arrays
    assert short["classified_mask"].sum(axis=1).tolist() == [6, 0, 2, 2, 2]
    assert (short["classified_samples"][~short["classified_mask"]] == 255).all()


def test_pictures_of_stacked_digits_are_of_the_commonest_modes():
    # Eleven modes, of which the first has no sample and the last most.
    def rule(data, labels):
        del labels
        draw = (data[:, -1] % 55).astype(jnp.int32)
        return jnp.searchsorted(jnp.cumsum(jnp.arange(11)), draw, side="right").astype(jnp.int32)

    names = tuple(str(label) for label in range(11))
    labels = np.arange(11, dtype=np.int32)
    spec = DataSpec(namer.STACKED, (2, 2, 1), 11, names, 11)
    split = ArraySplit(spec, shades(labels).astype(np.uint8), labels)
    overrides = {"eval.classifier": "file", "eval.classified": 400}
    result = classified.evaluate(toy.model(sampler(rule), split, **overrides))
    shares, rows = (result.arrays[name] for name in ("class_shares", "classified_labels"))
    assert shares[0] == 0
    np.testing.assert_array_equal(np.sort(rows), labels[1:])
    assert np.all(np.diff(shares[rows]) <= 0)
    pictures, mask = result.arrays["classified_samples"], result.arrays["classified_mask"]
    np.testing.assert_array_equal(
        mask.sum(axis=1), np.minimum(np.rint(400 * shares[rows]), classified.COLUMNS)
    )
    for row, label in enumerate(rows):
        assert (pictures[row][mask[row]] == STEP * label).all()
    assert (pictures[~mask] == 255).all()


def test_blocks_change_nothing_and_samples_are_those_of_the_model():
    def rule(data, labels):
        return (data[:, -1] % 5).astype(jnp.int32)

    results = [evaluate(rule, **{"eval.batch_size": size}) for size in (3, 40)]
    for name, array in results[0].arrays.items():
        np.testing.assert_array_equal(array, results[1].arrays[name])
    assert results[0].values == results[1].values
    test = toy.split(shades(range(5)).astype(np.uint8))
    drawn = toy.model(sampler(rule), test).sample(np.zeros(40, np.int32))
    counts = np.bincount(to_uint8(drawn)[:, 0, 0, 0] // STEP, minlength=5)
    np.testing.assert_allclose(results[0].arrays["class_shares"], counts / 40)


def test_where_there_is_nothing_to_name_there_is_no_evaluation():
    rule = lambda data, labels: labels  # noqa: E731
    assert evaluate(rule, **{"eval.classifier": None}) is None
    images = shades(range(5)).astype(np.uint8)
    model = toy.model(sampler(rule), toy.split(images), **{"eval.classifier": "file"})
    assert classified.evaluate(model._replace(family=toy.codes(None, None))) is None
    points = model.test.spec._replace(modes=((0.0, 1.0),))
    model.test.spec = points
    assert classified.evaluate(model) is None


@given(st.lists(st.integers(0, 20), min_size=3, max_size=3), st.integers(1, 9))
def test_a_class_is_found_from_a_tenth_of_its_real_share_on(hits, real):
    counts = np.array([*hits, 100])
    real_shares = np.array([0, real, real, 100 - 2 * real]) / 100
    values, units = classified.classes(counts / counts.sum(), real_shares, tuple("abcd"))
    expected = sum(
        10 * n * 100 >= r * counts.sum()
        for n, r in zip(counts[1:].tolist(), (real, real, 100 - 2 * real), strict=True)
    )
    assert values["classes_found"] == expected
    assert values["classes"] == 3
    assert values.keys() == units.keys()


def test_many_classes_have_no_lines_of_their_own():
    names = tuple(str(i) for i in range(21))
    values, _ = classified.classes(np.full(21, 1 / 21), np.full(21, 1 / 21), names)
    assert not any("/" in name for name in values)
    values, _ = classified.classes(np.full(20, 1 / 20), np.full(20, 1 / 20), names[:20])
    assert sum("/" in name for name in values) == 20


@pytest.mark.parametrize(
    ("found", "sure", "start"),
    [
        (10, 0.3, "Samples hardly recognised: 0.30"),
        (5, 0.9, "Mode collapse: samples show 5 of 10"),
        (9, 0.9, "Classes missing: samples show 9 of 10"),
        (10, 0.9, "All 10 classes: total variation 0.25"),
    ],
)
def test_the_verdict_follows_from_classes_and_confidence(found, sure, start):
    values = {
        "classes_found": found,
        "classes": 10.0,
        "class_tv": 0.25,
        "classified_confident": sure,
        "classified_confident_real": 0.8,
    }
    assert classified.verdict(values).startswith(start)


def test_ten_modes_hit_evenly_are_log_100_from_a_thousand():
    shares = np.zeros(1000)
    shares[::100] = 0.1
    values, units = classified.modes(shares, 2000)
    assert values["kl"] == pytest.approx(np.log(100))
    assert (values["modes_found"], values["modes"]) == (10, 1000)
    assert values.keys() == units.keys()
    assert classified.mode_verdict(values).startswith("Mode collapse: 10 modes")


def test_what_samples_of_the_data_find_is_what_they_find():
    rng = np.random.default_rng(0)
    draws = rng.multinomial(3000, np.full(1000, 1e-3), 400) / 3000
    values, _ = classified.modes(draws[0], 3000)
    found = (draws > 0).sum(axis=1)
    kl = np.log(1000) - entropy(draws, axis=1)
    for name, seen in (("modes_found_perfect", found), ("kl_perfect", kl)):
        assert values[name] == pytest.approx(seen.mean(), abs=4 * seen.std() / 20)
    assert values["modes_found_perfect"] == pytest.approx(1000 * binom.sf(0, 3000, 1e-3))
    assert classified.mode_verdict(values).startswith("All modes")
    values["modes_found"] = 900
    assert classified.mode_verdict(values).startswith("Modes missing: 900")
