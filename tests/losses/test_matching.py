import jax
import jax.numpy as jnp
import numpy as np

from gen_jax.losses import matching

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def test_pairwise_by_hand():
    real, fake = jnp.array([[1.0, 2.0], [0.0, 0.0]]), jnp.array([[0.0, 4.0], [3.0, 4.0]])
    np.testing.assert_allclose(matching.pairwise(real, fake), [2.5, 12.5])


def test_pairwise_compares_each_example_with_its_own():
    expected = [0.5 * np.linalg.norm(a - b) ** 2 for a, b in zip(REAL, FAKE, strict=True)]
    np.testing.assert_allclose(matching.pairwise(REAL, FAKE), expected, rtol=1e-5)


def test_mean_compares_batch_means():
    expected = 0.5 * sum((a - b) ** 2 for a, b in zip(REAL.mean(0), FAKE.mean(0), strict=True))
    np.testing.assert_allclose(matching.mean(REAL, FAKE), expected, rtol=1e-5)
    assert matching.mean(REAL, REAL[::-1]) < 1e-12


def naive_class_mean(real, fake, labels, num_classes):
    total = 0.0
    for c in range(num_classes):
        mine = [i for i in range(len(labels)) if labels[i] == c]
        if mine:
            total += 0.5 * np.sum((real[mine].mean(0) - fake[mine].mean(0)) ** 2)
    return total


def test_class_mean_is_a_loop_over_the_classes_present():
    for labels in ([0, 1, 2, 0, 1, 0], [3, 3, 3, 3, 3, 3], [0, 4, 4, 4, 0, 4], range(6)):
        labels = np.array(labels)
        out = matching.class_mean(REAL, FAKE, labels, num_classes=7)
        np.testing.assert_allclose(out, naive_class_mean(REAL, FAKE, labels, 7), rtol=1e-5)


def test_class_mean_limits():
    one_class = matching.class_mean(REAL, FAKE, np.zeros(6, np.int32), 1)
    np.testing.assert_allclose(one_class, matching.mean(REAL, FAKE), rtol=1e-5)
    alone = matching.class_mean(REAL, FAKE, np.arange(6), 6)
    np.testing.assert_allclose(alone, np.sum(matching.pairwise(REAL, FAKE)), rtol=1e-5)


def test_class_mean_pulls_only_within_a_class():
    labels = np.array([0, 0, 1, 1, 1, 3])
    grad = jax.grad(lambda fake: matching.class_mean(REAL, fake, labels, 5))(FAKE)
    for i, c in enumerate(labels):
        mine = labels == c
        expected = (FAKE[mine].mean(0) - REAL[mine].mean(0)) / mine.sum()
        np.testing.assert_allclose(grad[i], expected, rtol=1e-4, atol=1e-6)
