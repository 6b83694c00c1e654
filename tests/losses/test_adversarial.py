import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gen_jax.losses.adversarial import ADVERSARIAL, HINGE, NON_SATURATING

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


def slopes(loss, logits):
    return jax.vmap(jax.grad(lambda logit: loss(logit[None])[0]))(logits)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_who_pays_is_pulled_the_right_way(name):
    game = ADVERSARIAL[name]
    inside = jnp.array([-0.9, 0.0, 0.9])  # of the hinge's margins
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
