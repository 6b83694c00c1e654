"""Against torch-fidelity and prdc, whose answers make_referees.py has written down."""

import json

import numpy as np
import pytest

from gen_jax.metrics import frechet, inception_score, kernel, manifold
from gen_jax.metrics.moments import Moments
from tests.metrics.make_referees import KID, NEIGHBOURS, PATH, SEED, SPLITS, features, logits

REFEREES = json.loads(PATH.read_text())
REAL, FAKE = features()


def test_fid():
    ours = frechet.distance(Moments.of(REAL), Moments.of(FAKE))
    assert ours == pytest.approx(REFEREES["fid"]["frechet_inception_distance"], rel=1e-9)


def test_kid_of_the_same_subsets():
    rng = np.random.RandomState(SEED)
    values = [
        kernel.mmd2_unbiased(
            *(x[rng.choice(len(x), KID["kid_subset_size"], replace=False)] for x in (REAL, FAKE))
        )
        for _ in range(KID["kid_subsets"])
    ]
    theirs = REFEREES["kid"]
    assert np.mean(values) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert np.std(values) == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)
    ours = kernel.kid(REAL, FAKE, 0, subsets=40, subset_size=100)
    assert abs(ours.value - np.mean(values)) < 4 * np.hypot(ours.error, np.std(values) / 11**0.5)


@pytest.mark.parametrize("k", NEIGHBOURS)
def test_precision_recall_density_and_coverage(k):
    ours = manifold.precision_recall(REAL, FAKE, k)
    for theirs in (REFEREES["prc"][str(k)], REFEREES["prdc"][str(k)]):
        # torch-fidelity's means are float32.
        assert ours.precision == pytest.approx(theirs["precision"], rel=1e-6)
        assert ours.recall == pytest.approx(theirs["recall"], rel=1e-6)
    ours, theirs = manifold.density_coverage(REAL, FAKE, k), REFEREES["prdc"][str(k)]
    assert ours == pytest.approx((theirs["density"], theirs["coverage"]), rel=1e-12)
    assert 0.05 < ours.coverage < 1


def test_inception_score():
    ours, theirs = inception_score.from_logits(logits(), None, SPLITS), REFEREES["isc"]
    assert ours.value == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert ours.deviation == pytest.approx(theirs["inception_score_std"], rel=1e-9)
