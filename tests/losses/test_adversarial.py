import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from gen_jax.errors import UserError
from gen_jax.losses.adversarial import (
    ADVERSARIAL,
    HINGE,
    LEAST_SQUARES,
    MINIMAX,
    NON_SATURATING,
    PROBABILISTIC,
    WASSERSTEIN,
    confidence,
    overconfidence,
    slope,
    smoothed,
)

LOGITS = jnp.array([-3.0, -0.5, 0.0, 0.7, 2.5])


def test_non_saturating_is_the_cross_entropy_of_the_right_answer():
    entropy = optax.sigmoid_binary_cross_entropy
    ones, zeros = jnp.ones(5), jnp.zeros(5)
    np.testing.assert_allclose(NON_SATURATING.real(LOGITS), entropy(LOGITS, ones), rtol=1e-5)
    np.testing.assert_allclose(NON_SATURATING.fake(LOGITS), entropy(LOGITS, zeros), rtol=1e-5)
    np.testing.assert_allclose(NON_SATURATING.generator(LOGITS), entropy(LOGITS, ones), rtol=1e-5)


def test_non_saturating_by_hand():
    # D = sigmoid(log 3) = 3/4 and sigmoid(0) = 1/2.
    logits = jnp.log(jnp.array([3.0, 1.0]))
    np.testing.assert_allclose(NON_SATURATING.real(logits), np.log([4 / 3, 2]), rtol=1e-6)
    np.testing.assert_allclose(NON_SATURATING.fake(logits), np.log([4, 2]), rtol=1e-6)
    np.testing.assert_allclose(NON_SATURATING.generator(logits), np.log([4 / 3, 2]), rtol=1e-6)


def test_hinge_by_hand():
    np.testing.assert_allclose(HINGE.real(LOGITS), [4, 1.5, 1, 0.3, 0], rtol=1e-6)
    np.testing.assert_allclose(HINGE.fake(LOGITS), [0, 0.5, 1, 1.7, 3.5], rtol=1e-6)
    np.testing.assert_allclose(HINGE.generator(LOGITS), [3, 0.5, 0, -0.7, -2.5], rtol=1e-6)


def test_minimax_by_hand():
    # log(1 - 3/4) and log(1 - 1/2).
    logits = jnp.log(jnp.array([3.0, 1.0]))
    np.testing.assert_allclose(MINIMAX.real(logits), np.log([4 / 3, 2]), rtol=1e-6)
    np.testing.assert_allclose(MINIMAX.fake(logits), np.log([4, 2]), rtol=1e-6)
    np.testing.assert_allclose(MINIMAX.generator(logits), -np.log([4, 2]), rtol=1e-6)


def test_least_squares_by_hand():
    np.testing.assert_allclose(LEAST_SQUARES.real(LOGITS), [8, 1.125, 0.5, 0.045, 1.125], rtol=1e-6)
    np.testing.assert_allclose(LEAST_SQUARES.fake(LOGITS), [4.5, 0.125, 0, 0.245, 3.125], rtol=1e-6)
    np.testing.assert_array_equal(LEAST_SQUARES.generator(LOGITS), LEAST_SQUARES.real(LOGITS))


def test_wasserstein_by_hand():
    np.testing.assert_array_equal(WASSERSTEIN.real(LOGITS), -LOGITS)
    np.testing.assert_array_equal(WASSERSTEIN.fake(LOGITS), LOGITS)
    np.testing.assert_array_equal(WASSERSTEIN.generator(LOGITS), -LOGITS)


def slopes(loss, logits):
    return jax.vmap(jax.grad(lambda logit: loss(logit[None])[0]))(logits)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_who_pays_is_pulled_the_right_way(name):
    game = ADVERSARIAL[name]
    # Of the hinge's margins, and between the targets of least squares.
    inside = jnp.array([0.1, 0.5, 0.9])
    assert np.all(slopes(game.real, inside) < 0)
    assert np.all(slopes(game.fake, inside) > 0)
    assert np.all(slopes(game.generator, inside) < 0)


def test_non_saturating_slopes_are_the_probabilities_of_the_wrong_answer():
    sigmoid = 1 / (1 + np.exp(-LOGITS))
    np.testing.assert_allclose(slopes(NON_SATURATING.real, LOGITS), sigmoid - 1, rtol=1e-5)
    np.testing.assert_allclose(slopes(NON_SATURATING.fake, LOGITS), sigmoid, rtol=1e-5)
    np.testing.assert_allclose(slopes(NON_SATURATING.generator, LOGITS), sigmoid - 1, rtol=1e-5)


def test_hinge_slopes_vanish_beyond_the_margin_but_not_for_the_generator():
    far = jnp.array([-1.5, 1.5])
    np.testing.assert_array_equal(slopes(HINGE.real, far), [-1, 0])
    np.testing.assert_array_equal(slopes(HINGE.fake, far), [0, 1])
    np.testing.assert_array_equal(slopes(HINGE.generator, far), [-1, -1])


def test_hopeless_logits_stay_finite_and_keep_pulling():
    far = jnp.array([-1000.0])
    np.testing.assert_allclose(NON_SATURATING.generator(far), [1000.0])
    np.testing.assert_array_equal(slopes(NON_SATURATING.generator, far), [-1])


def test_minimax_saturates_where_the_discriminator_is_sure_and_non_saturating_does_not():
    sure = jnp.array([-20.0, -5.0, 0.0])
    np.testing.assert_allclose(slopes(MINIMAX.generator, sure), -expit(sure), rtol=1e-5)
    np.testing.assert_allclose(slopes(NON_SATURATING.generator, sure), -expit(-sure), rtol=1e-5)
    np.testing.assert_array_equal(slopes(MINIMAX.generator, jnp.array([-1000.0])), [0])


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_equally_many_real_and_generated_images_balance_at_the_boundary_only(name):
    # What the discriminator gains by raising its output is what it loses.
    game = ADVERSARIAL[name]
    if game.boundary is None:
        np.testing.assert_array_equal(slopes(game.real, LOGITS) + slopes(game.fake, LOGITS), 0)
        return
    around = game.boundary + jnp.array([-1.5, 0.0, 1.5])
    below, at, above = slopes(game.real, around) + slopes(game.fake, around)
    assert below < 0 < above
    assert at == 0


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_labels_one_and_zero_smooth_nothing(name):
    assert smoothed(name, 1.0, 0.0) is ADVERSARIAL[name]
    assert smoothed(name, 1, 0) is ADVERSARIAL[name]


@pytest.mark.parametrize(("real", "fake"), [(0.9, 0.0), (0.9, 0.1), (1.0, 0.2)])
@pytest.mark.parametrize("name", ["non_saturating", "minimax"])
def test_smoothed_cross_entropy_is_torchs(name, real, fake):
    torch = pytest.importorskip("torch")
    game = smoothed(name, real, fake)
    logits = torch.tensor(np.asarray(LOGITS))
    for ours, target in ((game.real, real), (game.fake, fake)):
        theirs = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.full_like(logits, target), reduction="none"
        )
        np.testing.assert_allclose(ours(LOGITS), theirs.numpy(), rtol=1e-5)
    assert game.generator is ADVERSARIAL[name].generator


@settings(max_examples=30)
@given(st.floats(0.02, 0.98), st.floats(0.01, 0.99))
def test_the_best_smoothed_logits_are_those_of_the_labels(real, share):
    fake = share * real
    game = smoothed("non_saturating", real, fake)
    best = jnp.array([logit(real), logit(fake), game.boundary])
    np.testing.assert_allclose(slopes(game.real, best)[0], 0, atol=1e-6)
    np.testing.assert_allclose(slopes(game.fake, best)[1], 0, atol=1e-6)
    both = slopes(game.real, best) + slopes(game.fake, best)
    np.testing.assert_allclose(both[2], 0, atol=1e-6)
    assert logit(fake) < game.boundary < logit(real)


def test_two_sided_smoothing_leaves_the_boundary_and_one_sided_lowers_it():
    assert smoothed("minimax", 0.9, 0.1).boundary == pytest.approx(0)
    assert smoothed("minimax", 0.9, 0.0).boundary == pytest.approx(np.log(0.45 / 0.55))


def test_smoothed_least_squares_by_hand():
    game = smoothed("least_squares", 0.8, 0.2)
    logits = jnp.array([0.0, 1.0])
    np.testing.assert_allclose(game.real(logits), [0.32, 0.02], rtol=1e-6)
    np.testing.assert_allclose(game.fake(logits), [0.02, 0.32], rtol=1e-6)
    np.testing.assert_allclose(game.generator(logits), [0.32, 0.02], rtol=1e-6)
    assert game.boundary == 0.5


@pytest.mark.parametrize("name", ADVERSARIAL)
@pytest.mark.parametrize(
    ("real", "fake"), [(1.1, 0.0), (1.0, -0.1), (0.5, 0.5), (0.0, 1.0), (float("nan"), 0.0)]
)
def test_labels_out_of_order_are_refused(name, real, fake):
    with pytest.raises(UserError, match="0 <= fake_label < real_label <= 1"):
        smoothed(name, real, fake)


@pytest.mark.parametrize("name", ["hinge", "wasserstein"])
@pytest.mark.parametrize(("real", "fake"), [(0.9, 0.0), (1.0, 0.1)])
def test_games_without_labels_cannot_be_smoothed(name, real, fake):
    with pytest.raises(UserError, match=r"real_label.*no labels to smooth"):
        smoothed(name, real, fake)


def test_an_unknown_game_is_refused():
    with pytest.raises(UserError, match=r"loss\.adversarial='wasserstien'.*wasserstein"):
        smoothed("wasserstien", 1.0, 0.0)


def test_confidence_is_the_probability_of_the_likelier_side():
    p = expit(np.asarray(LOGITS, np.float64))
    np.testing.assert_allclose(confidence(LOGITS), np.maximum(p, 1 - p), rtol=1e-6)
    np.testing.assert_array_equal(confidence(jnp.array([0.0, -1000.0, 1000.0])), [0.5, 1, 1])


def test_overconfidence_is_what_smaller_logits_would_save():
    real, fake = LOGITS, LOGITS[::-1] - 1

    def nats(log_scale):
        scale = jnp.exp(log_scale)
        right, wrong = NON_SATURATING.real(scale * real), NON_SATURATING.fake(scale * fake)
        return jnp.mean(jnp.concatenate([right, wrong]))

    excess = jnp.concatenate([overconfidence(real, True), overconfidence(fake, False)])
    np.testing.assert_allclose(jnp.mean(excess), jax.grad(nats)(0.0), rtol=1e-5)


def test_who_is_right_as_often_as_it_says_is_not_overconfident():
    # 3/4 sure, and right three times in four: of real images, then of generated ones.
    sure = jnp.array([np.log(3)] * 3 + [-np.log(3)])
    right = overconfidence(sure, True), overconfidence(-sure, False)
    np.testing.assert_allclose(jnp.stack(right).mean(axis=1), 0, atol=1e-7)
    # Twice the logits: 9/10 sure of as much.
    expected = np.log(9) * (0.9 - 0.75)
    np.testing.assert_allclose(overconfidence(2 * sure, True).mean(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_probabilistic_are_the_games_whose_best_logit_is_the_log_odds(name):
    # Of three real images for one generated: sigmoid(log 3) = 3/4.
    odds, game = jnp.array([np.log(3)]), ADVERSARIAL[name]
    both = 3 * slopes(game.real, odds) + slopes(game.fake, odds)
    assert (abs(float(both[0])) < 1e-6) == (name in PROBABILISTIC)


P = expit(np.asarray(LOGITS, np.float64))


@pytest.mark.parametrize(
    ("game", "expected"),
    [
        (MINIMAX, 2 * P),
        (NON_SATURATING, 2 * (1 - P)),
        (HINGE, np.ones(5)),
        (LEAST_SQUARES, 2 * np.abs(np.asarray(LOGITS) - 1)),
        (WASSERSTEIN, np.ones(5)),
        # Boundaries at sigmoid(logit) = 0.45, and at 0.5 with the generator's target at 0.8.
        (smoothed("minimax", 0.9, 0.0), P / 0.45),
        (smoothed("non_saturating", 0.9, 0.0), (1 - P) / 0.55),
        (smoothed("least_squares", 0.8, 0.2), np.abs(np.asarray(LOGITS) - 0.8) / 0.3),
    ],
)
def test_slope_is_relative_to_that_at_the_boundary(game, expected):
    np.testing.assert_allclose(slope(game, LOGITS), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_slope_is_1_at_the_boundary(name):
    boundary = ADVERSARIAL[name].boundary
    at = jnp.full(3, 0.0 if boundary is None else boundary)
    np.testing.assert_array_equal(slope(ADVERSARIAL[name], at), np.ones(3))


def test_a_sure_discriminator_saturates_minimax_and_not_its_counterpart():
    sure = jnp.full(4, -12.0)
    assert float(slope(MINIMAX, sure).max()) < 1e-4
    np.testing.assert_allclose(slope(NON_SATURATING, sure), 2, rtol=1e-4)
