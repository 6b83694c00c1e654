"""What is done to samples on purpose worsens the numbers that are there to tell, step by step."""

import numpy as np
import pytest

from gen_jax.metrics import frechet, inception_score, kernel, manifold, neighbours
from gen_jax.metrics.diversity import pair_distance
from gen_jax.metrics.moments import Moments

SIZE, CLASSES, COUNT = 12, 8, 600
CENTRES = 2 * np.random.default_rng(9).normal(size=(CLASSES, SIZE))


def clustered(seed, classes=CLASSES, spread=1.0):
    """Features of evenly frequent classes, and the classes."""
    labels = np.arange(COUNT) % classes
    noise = np.random.default_rng(seed).normal(size=(COUNT, SIZE))
    return CENTRES[labels] + spread * noise, labels


REAL, LABELS = clustered(0)


def fidelity(fake):
    """FID, KID, precision, recall, density, coverage."""
    return np.array(
        [
            frechet.distance(Moments.of(REAL), Moments.of(fake)),
            kernel.kid(REAL, fake, 0, subsets=5, subset_size=300).value,
            *manifold.precision_recall(REAL, fake),
            *manifold.density_coverage(REAL, fake),
        ]
    )


def rungs(samples):
    """How each number moves from a rung of the ladder to the next, [rungs, numbers]."""
    return np.diff([fidelity(each) for each in samples], axis=0)


def test_noise_worsens_all_but_recall():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=REAL.shape)
    moved = rungs([clustered(1)[0] + scale * noise for scale in (0, 1, 2, 4)])
    assert (moved[:, :2] > 0).all()
    assert (moved[:, [2, 4, 5]] < 0).all()


def test_shrinkage_towards_the_classes_means_keeps_precision_and_loses_the_rest():
    # As of blur: each sample is typical, and the variety within the class is gone.
    samples = [clustered(1, spread=spread)[0] for spread in (1, 0.7, 0.4, 0.1)]
    moved = rungs(samples)
    assert (moved[:, 0] > 0).all()
    assert (moved[:, 2] >= 0).all()
    assert (moved[:, 3] < 0).all()
    apart = [pair_distance(each, 0, LABELS).value for each in samples]
    assert (np.diff(apart) < 0).all()


def test_dropped_classes_worsen_recall_and_coverage_and_not_precision():
    samples = [clustered(1, classes) for classes in (8, 6, 4, 2)]
    moved = rungs([features for features, _ in samples])
    assert (moved[:, :2] > 0).all()
    assert (np.abs(moved[:, 2]) < 0.05).all()
    assert (moved[:, [3, 5]] < -0.1).all()
    # A classifier that knows the classes.
    scores = [inception_score.from_probabilities(np.eye(CLASSES)[y], 0, 4) for _, y in samples]
    assert [score.value for score in scores] == pytest.approx([8, 6, 4, 2], rel=0.02)


def test_one_picture_over_and_over_is_precise_and_recalls_nothing():
    fake = np.repeat(REAL[:1], COUNT, axis=0)
    _, _, precision, recall, density, coverage = fidelity(fake)
    assert (precision, recall) == (1, 1 / COUNT)
    assert density > 0.5
    assert coverage < 0.03


def test_copies_of_the_training_set_are_the_best_by_all_but_memorisation():
    new, held_out = clustered(1)[0], clustered(2)[0]
    copies, honest = fidelity(REAL), fidelity(new)
    assert (copies[:2] < honest[:2]).all()
    assert (copies[2:] >= honest[2:]).all()
    assert neighbours.memorisation(REAL, REAL, held_out).close_share == 1
    assert neighbours.memorisation(new, REAL, held_out).close_share < 0.05
