"""The scores on representations whose scores are known, and what must not change them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from gen_jax.evals import disentanglement
from gen_jax.evals.disentanglement import interventions

COUNTS = (4, 5, 3)
# Every combination ten times: the factors are independent to the last bit.
FACTORS = np.repeat(list(itertools.product(*map(range, COUNTS))), 10, axis=0).astype(np.int32)
ORACLE = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)
CHANCE = 1 / len(COUNTS)
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(len(FACTORS), 4))
ROTATED = ORACLE @ (np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3)  # an orthogonal matrix
BLURRED = np.hstack([ORACLE + 0.2 * RNG.normal(size=ORACLE.shape), NOISE[:, :1]])


@pytest.mark.parametrize("extra", [0, 1, 4])
def test_the_factors_themselves_score_one(extra):
    """Up to the bias of mutual information, and the luck of a tree, where there is noise."""
    z = np.hstack([ORACLE, NOISE[:, :extra]])
    score = disentanglement.scores(z, FACTORS, seed=1)
    below = {"mig": 0.07, "sap": 0.07} if extra else {}
    for name, value in score.items():
        assert 1 - below.get(name, 0) - 1e-9 <= value <= 1 + 1e-9, name
    assert disentanglement.mig(ORACLE, FACTORS) == pytest.approx(1, abs=1e-12)


def test_noise_scores_at_chance():
    score = disentanglement.scores(NOISE, FACTORS, seed=1)
    assert score["higgins"] == pytest.approx(CHANCE, abs=0.06)
    assert score["factor_vae"] == pytest.approx(CHANCE, abs=0.08)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness"):
        assert 0 <= score[name] < 0.06, name
    assert score["dci_informativeness"] == pytest.approx(np.mean(1 / np.array(COUNTS)), abs=0.06)


def test_a_collapsed_representation_scores_at_chance():
    score = disentanglement.scores(np.full((len(FACTORS), 3), 0.7, np.float32), FACTORS, seed=1)
    assert score["factor_vae"] == CHANCE
    assert score["higgins"] == pytest.approx(CHANCE, abs=0.04)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness"):
        assert score[name] == pytest.approx(0, abs=1e-12), name


def test_a_rotation_costs_what_is_asked_axis_by_axis():
    oracle = disentanglement.scores(ORACLE, FACTORS, seed=1)
    rotated = disentanglement.scores(ROTATED, FACTORS, seed=1)
    assert rotated["mig"] < 0.2
    assert rotated["sap"] < 0.2
    for name in ("factor_vae", "dci_disentanglement", "dci_completeness"):
        assert rotated[name] < oracle[name] - 0.2, name


def test_a_factor_held_twice_and_a_dimension_that_serves_two():
    twice = ORACLE[:, [0, 0, 1]]
    factors = FACTORS[:, :2]
    assert disentanglement.mig(twice, factors) == pytest.approx(0.5, abs=1e-12)
    assert disentanglement.sap(twice, factors, seed=0) == pytest.approx(0.5, abs=0.05)
    d, c, i = disentanglement.dci(twice, factors, seed=0)
    assert d == i == 1
    # Importance divides between the two copies, which leaves log 2 of at most log 3 nats.
    assert c == pytest.approx((2 - np.log(2) / np.log(3)) / 2, abs=0.02)

    both = (10 * FACTORS[:, :1] + FACTORS[:, 1:2]).astype(float)
    d, c, i = disentanglement.dci(np.hstack([both, 0 * both]), factors, seed=0)
    assert (d, c) == (pytest.approx(0, abs=1e-6), 1)
    assert i > 0.8


def test_one_dimension_has_no_second():
    one = ORACLE[:, :1]
    assert disentanglement.mig(one, FACTORS[:, :1]) == pytest.approx(1, abs=1e-12)
    assert disentanglement.sap(one, FACTORS[:, :1], seed=0) == pytest.approx(1)
    assert disentanglement.dci(one, FACTORS, seed=0)[1] == 1


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(2, 60))
def test_information_agrees_with_scikit_learn(seed, count):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, 3)).astype(np.float32)
    factors = rng.integers(0, 4, (count, 2))
    factors[:2] = [[0, 1], [2, 3]]
    table = disentanglement.factor_information(z, factors)
    for j, k in np.ndindex(3, 2):
        edges = np.linspace(z[:, j].min(), z[:, j].max().astype(float), 21)
        bins = np.digitize(z[:, j].astype(float), edges[1:-1])
        total = entropy(np.unique(factors[:, k], return_counts=True)[1])
        expected = mutual_info_score(bins, factors[:, k]) / total
        assert table[j, k] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=4)
@given(
    st.permutations(range(4)),
    st.lists(st.sampled_from([-8.0, -1.0, -0.25, 0.5, 4.0]), min_size=4, max_size=4),
)
def test_order_sign_and_scale_of_dimensions_mean_nothing(order, scales):
    """Exactly so for MIG; lbfgs and random trees take another path to about the same value."""
    before = disentanglement.scores(BLURRED, FACTORS, seed=2)
    after = disentanglement.scores((BLURRED * scales)[:, order], FACTORS, seed=2)
    tolerance = {"mig": 1e-9, "factor_vae": 0.01, "higgins": 0.01}
    for name, value in before.items():
        assert after[name] == pytest.approx(value, abs=tolerance.get(name, 0.06)), name


def test_names_of_factor_values_mean_nothing():
    renamed = np.stack([(7 * column) % 31 - 5 for column in FACTORS.T], axis=1)
    before = disentanglement.scores(BLURRED, FACTORS, seed=2)
    after = disentanglement.scores(BLURRED, renamed, seed=2)
    for name in ("mig", "dci_informativeness", "sap"):
        assert after[name] == pytest.approx(before[name], abs=0.05), name


def test_a_seed_decides_everything_and_nothing_is_written_to():
    z, factors = BLURRED.astype(np.float32), FACTORS.copy()
    copy = z.copy()
    once, again = (disentanglement.scores(z, factors, seed=5) for _ in range(2))
    assert once == again
    np.testing.assert_array_equal(z, copy)
    np.testing.assert_array_equal(factors, FACTORS)
    assert disentanglement.scores(z, factors, seed=6) != once


def test_dead_dimensions_do_not_vote():
    dead = np.hstack([1e-9 * NOISE[:, :2], np.full((len(NOISE), 1), 3.0)])
    alone = disentanglement.factor_vae(BLURRED, FACTORS, seed=2)
    assert disentanglement.factor_vae(np.hstack([dead, BLURRED]), FACTORS, seed=2) == alone


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(0, 99))
def test_images_drawn_share_the_value_and_pairs_are_two_images(factor, seed):
    factor, rng = np.array(factor), np.random.default_rng(seed)
    _, counts = np.unique(factor, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        with pytest.raises(ValueError, match="two values"):
            interventions._Group(factor)
        return
    group = interventions._Group(factor)
    one, other = group.pairs(rng, 200)
    assert (factor[one] == factor[other]).all()
    assert (one != other).all()
    together = group.sharing(rng, 20)
    assert len(set(factor[together])) == 1


def test_every_pair_is_as_likely():
    one, other = interventions._Group(np.array([3, 5, 3, 5, 3])).pairs(
        np.random.default_rng(0), 9000
    )
    table = np.zeros((5, 5))
    np.add.at(table, (one, other), 1)
    same = [(i, j) for i, j in itertools.permutations((0, 2, 4), 2)]
    np.testing.assert_allclose([table[pair] for pair in same], 900, atol=120)
    np.testing.assert_allclose([table[1, 3], table[3, 1]], 1800, atol=160)
    assert table.sum() == table[[0, 0, 2, 2, 4, 4, 1, 3], [2, 4, 0, 4, 0, 2, 3, 1]].sum()


def test_a_factor_needs_two_values():
    constant = np.zeros((6, 1), int)
    for score in (disentanglement.higgins, disentanglement.factor_vae):
        with pytest.raises(ValueError, match="two values"):
            score(NOISE[:6], constant, 0)
    with pytest.raises(ValueError, match="two values"):
        disentanglement.mig(NOISE[:6], constant)
