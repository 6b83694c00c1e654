import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from gen_jax.errors import UserError
from gen_jax.metrics.inception_score import from_logits, from_probabilities


@pytest.mark.parametrize("classes", [2, 10])
def test_certain_and_even_classes_score_their_number(classes):
    one_hot = np.eye(classes)[np.arange(40 * classes) % classes]
    found = from_probabilities(one_hot, seed=None, splits=4)
    assert found == pytest.approx((classes, 0, 0))
    assert from_logits(1000 * one_hot, seed=None, splits=4) == pytest.approx((classes, 0, 0))


def test_all_alike_score_1():
    alike = np.repeat([[0.2, 0.5, 0.3]], 20, axis=0)
    assert from_probabilities(alike, seed=0) == pytest.approx((1, 0, 0))


@given(st.integers(10, 40), st.integers(2, 5), st.integers(1, 10), st.integers(0, 1000))
def test_it_is_the_marginals_entropy_less_the_mean_of_each(count, classes, splits, seed):
    logits = 3 * np.random.default_rng(seed).normal(size=(count, classes))
    scores = []
    for part in range(splits):
        p = softmax(logits[part * count // splits : (part + 1) * count // splits], axis=1)
        scores.append(np.exp(entropy(p.mean(axis=0)) - entropy(p, axis=1).mean()))
    found = from_logits(logits, seed=None, splits=splits)
    assert found.value == pytest.approx(np.mean(scores))
    assert found.deviation == pytest.approx(np.std(scores), abs=1e-12)
    if splits == 1:
        assert found.error is None
    else:
        error = np.std(scores, ddof=1) / np.sqrt(splits)
        assert found.error == pytest.approx(error, abs=1e-12)
    assert 1 - 1e-12 <= found.value <= classes + 1e-12
    # Whatever a constant does to an example's logits, its probabilities are the same.
    shifted = from_logits(logits + np.arange(count)[:, None], seed=None, splits=splits)
    assert shifted == pytest.approx(found, abs=1e-9)


def test_the_seed_deals_samples_that_are_sorted_by_class():
    classes = np.eye(5)[np.repeat(np.arange(5), 100)]
    assert from_probabilities(classes, seed=None, splits=5).value == pytest.approx(1)
    first, again, other = (from_probabilities(classes, seed, splits=5) for seed in (0, 0, 1))
    assert first.value == pytest.approx(5, abs=0.2)
    assert first == again
    assert first != other


def test_what_are_no_probabilities_is_refused():
    with pytest.raises(UserError, match="do not sum to 1; give softmax outputs"):
        from_probabilities(np.full((20, 3), 0.5), seed=0)
    with pytest.raises(UserError, match="are negative or"):
        from_probabilities(np.repeat([[1.5, -0.5]], 20, axis=0), seed=0)
    with pytest.raises(UserError, match="9 samples cannot be split into 10"):
        from_probabilities(np.full((9, 2), 0.5), seed=0)
    with pytest.raises(UserError, match="split into 0"):
        from_probabilities(np.full((9, 2), 0.5), seed=0, splits=0)
    with pytest.raises(UserError, match="hold NaN"):
        from_logits(np.full((20, 3), np.nan), seed=0)
    # Float32 softmax is off 1 by more than float64 would be.
    rounded = softmax(np.random.default_rng(0).normal(size=(20, 1000)), axis=1).astype(np.float16)
    assert from_probabilities(rounded, seed=0).value > 1
