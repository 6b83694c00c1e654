"""The linear probe on codes that are separable, useless, or none of its business."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from gen_jax.evals import probe
from tests.evals import toy

FAMILY = toy.codes(lambda x: x, lambda x: jnp.zeros_like(x))


def data(count, seed, spread):
    """Pictures whose brightness tells the class, up to a spread in grey levels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, count)
    noise = rng.uniform(-spread, spread, (count, 2, 2, 1))
    pictures = np.clip(50 * labels[:, None, None, None] + 25 + noise, 0, 255)
    return toy.split(pictures.astype(np.uint8), labels)


def evaluate(spread, family=FAMILY, train=None, **overrides):
    train = data(300, 0, spread) if train is None else train
    return probe.evaluate(toy.model(family, data(200, 1, spread), train, **overrides))


def test_separable_codes_are_told_apart():
    result = evaluate(spread=3)
    assert result.values["probe_accuracy"] == 1
    assert result.values["probe_accuracy_high"] == 1
    assert result.values["chance"] < 0.3
    assert result.protocol["num_train"] == 300


def test_accuracy_is_that_of_logistic_regression_on_standardised_codes():
    train, test = data(300, 0, 90), data(200, 1, 90)
    codes = [s.images.reshape(len(s), 4) / 127.5 - 1 for s in (train, test)]
    centre, scale = codes[0].mean(axis=0), codes[0].std(axis=0)
    fitted = LogisticRegression(tol=1e-8, max_iter=1000).fit(
        (codes[0] - centre) / scale, train.labels
    )
    expected = fitted.score((codes[1] - centre) / scale, test.labels)
    result = evaluate(spread=90)
    assert 0.3 < expected < 0.95
    assert result.values["probe_accuracy"] == pytest.approx(expected, abs=0.011)


def test_codes_that_say_nothing_are_at_chance():
    family = toy.codes(lambda x: jnp.ones((len(x), 2)), lambda x: jnp.zeros((len(x), 2)))
    values = evaluate(3, family).values
    assert values["probe_accuracy"] <= values["chance"]


def test_only_the_first_examples_are_fitted_to_and_their_classes_asked_for():
    train = data(300, 0, 3)
    order = np.argsort(train.labels, kind="stable")
    sorted_by_class = toy.split(train.images[order], train.labels[order])
    two = int(np.sum(train.labels < 2))
    result = evaluate(3, train=sorted_by_class, **{"eval.probe_examples": two})
    assert result.protocol["num_classes"] == 2
    assert result.protocol["num_examples"] == np.sum(data(200, 1, 3).labels < 2)
    assert result.values["probe_accuracy"] == 1


@pytest.mark.parametrize("brightness", [0, 1])
def test_a_conditional_encoder_is_not_helped_by_the_label_it_is_told(brightness):
    def told(state, images, labels):
        flat = images.reshape(len(images), -1)
        return jnp.concatenate([jax.nn.one_hot(labels, 5), brightness * flat], axis=1), flat

    result = evaluate(3, FAMILY._replace(encode=told), conditional=True)
    assert result.protocol["told"] == "a class drawn at random"
    if brightness:
        assert result.values["probe_accuracy"] == 1
    else:
        assert result.values["probe_accuracy"] <= result.values["chance"] + 0.1


def test_classes_told_do_not_depend_on_the_block_size():
    def told(state, images, labels):
        return images.reshape(len(images), -1) + 0.3 * labels[:, None], images

    family = FAMILY._replace(encode=told)
    one, other = (
        evaluate(60, family, conditional=True, **{"eval.batch_size": size}).values
        for size in (7, 300)
    )
    assert one == other


def test_where_there_is_no_probe():
    assert evaluate(3, **{"eval.probe_examples": 0}) is None
    one_class = toy.split(toy.noise_images(30), np.full(30, 2))
    assert evaluate(3, train=one_class) is None


@given(st.integers(1, 400), st.floats(0, 1))
def test_the_interval_is_wilsons(total, share):
    right = round(share * total)
    expected = binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert probe.wilson(right, total) == pytest.approx((expected.low, expected.high), abs=1e-9)
