"""Frechet distances during training: those of the final evaluation, of as many samples."""

import pytest

from gen_jax.errors import UserError
from gen_jax.evals import fidelity, fidelity_curve
from tests.evals.test_fidelity import TEST, TRAIN, model


def test_a_distance_is_that_of_the_evaluation_on_as_many_samples(weights):
    ours = model(weights, **{"eval.fidelity_during": 40, "eval.fidelity_samples": 40})
    measure = fidelity_curve.make(ours)
    expected = fidelity.through_classifier(ours).values["fd_classifier"]
    assert measure(ours) == {"fd_classifier": pytest.approx(expected, rel=1e-9)}
    # Of another state; real images are looked at once.
    other = model(weights, lambda key, label: 0 * TRAIN.images[0], **{"eval.fidelity_during": 40})
    assert measure(ours._replace(family=other.family))["fd_classifier"] > expected


def test_it_is_measured_where_it_is_asked_for(weights):
    assert fidelity_curve.make(model(weights)) is None
    asked = {"eval.fidelity_during": 40}
    blind = fidelity_curve.make(model(None, **asked))
    assert blind(model(None, **asked)) == {}
    ours = model(weights, **asked)
    assert fidelity_curve.make(ours._replace(family=ours.family._replace(sample=None))) is None


def test_only_classes_trained_on_are_asked_for(weights):
    few = {"data.train_classes": (0, 1), "eval.fidelity_samples": 40, "eval.fidelity_during": 40}
    ours = model(weights, **few)
    expected = fidelity.through_classifier(ours).values["fd_classifier"]
    assert fidelity_curve.make(ours)(ours)["fd_classifier"] == pytest.approx(expected, rel=1e-9)
    assert set(fidelity.asked_labels(ours, 40)) == {0, 1}


def test_too_few_are_refused(weights):
    ours = model(weights, **{"eval.fidelity_during": 5})
    with pytest.raises(UserError, match=r"eval\.fidelity_during: 5 images"):
        fidelity_curve.check(ours.config, TEST)
    fidelity_curve.check(model(weights).config, TEST)
