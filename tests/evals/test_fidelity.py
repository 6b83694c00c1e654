"""Distances of samples from real images, through a small untrained classifier."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import evals
from gen_jax.core.state import Family
from gen_jax.data import Subset
from gen_jax.data.spec import scaled
from gen_jax.errors import UserError
from gen_jax.evals import classified, fidelity, fidelity_names, fidelity_numbers
from gen_jax.features import extractor, inception
from gen_jax.metrics import frechet, inception_score, kernel
from gen_jax.metrics.moments import Moments
from tests.evals import toy

SHAPE = (8, 8, 1)
TRAIN = toy.split(toy.noise_images(60, SHAPE, seed=1))
TEST = toy.split(toy.noise_images(40, SHAPE, seed=2))


def sampler(draw):
    """A family whose sample is draw(key, label), float in [-1, 1]."""

    def sample(state, keys, labels):
        return jax.vmap(draw)(keys, labels)

    return Family(lambda key: None, lambda *args: None, sample=sample)


def noise(key, label):
    return scaled(jax.random.randint(key, SHAPE, 0, 256).astype(jnp.uint8))


def model(weights, draw=noise, **overrides):
    settings = {
        "eval.classifier": weights,
        "eval.fidelity_samples": 50,
        "eval.fidelity_reals": 0,
        "eval.cache": "",
    }
    return toy.model(sampler(draw), TEST, TRAIN, **(settings | overrides))


def seen(weights, images):
    seer = extractor.of_classifier(weights, TRAIN.spec)
    return seer.extract(iter([images]), lambda done: None)["classifier"]


def asked_labels(ours):
    """The labels that a model is asked for."""
    asked = []

    def watched(state, keys, labels):
        jax.debug.callback(lambda seen: asked.extend(np.asarray(seen).tolist()), labels)
        return ours.family.sample(state, keys, labels)

    fidelity.through_classifier(ours._replace(family=ours.family._replace(sample=watched)))
    jax.effects_barrier()
    return asked


def test_numbers_are_those_of_the_arithmetic_on_features(weights):
    ours = model(weights)
    result = fidelity.through_classifier(ours)
    drawn = np.rint((ours.sample(np.zeros(50, np.int32)) + 1) * 127.5).astype(np.uint8)
    real, fake = (Moments.of(seen(weights, images)) for images in (TRAIN.images, drawn))
    assert result.values["fd_classifier"] == frechet.distance(real, fake)
    floor = Moments.of(seen(weights, TEST.images))
    assert result.values["floor/fd_classifier"] == frechet.distance(real, floor)
    assert result.protocol["num_real"] == 60
    assert result.protocol["num_fake"] == 50
    assert result.protocol["num_floor"] == 40
    assert result.units.keys() == result.values.keys()
    assert result.errors.keys() <= result.values.keys()


def test_a_generator_of_one_picture_is_precise_and_recalls_nothing(weights):
    def stuck(key, label):
        return scaled(jnp.asarray(TRAIN.images[0]))

    values = fidelity.through_classifier(model(weights, stuck)).values
    spread = fidelity.through_classifier(model(weights)).values
    assert values["precision_classifier"] == 1
    assert values["recall_classifier"] < 0.1 < spread["recall_classifier"]
    assert values["coverage_classifier"] < 0.5 * spread["coverage_classifier"]
    assert values["nearest_train_classifier"] == 0
    assert values["close_to_train_classifier"] == 1
    assert values["fd_classifier"] > 3 * spread["fd_classifier"]


def test_a_conditional_model_is_asked_for_the_test_sets_classes(weights):
    def by_class(key, label):
        return jnp.full(SHAPE, label / 2.0 - 1)

    ours = model(weights, by_class, conditional=True)
    assert asked_labels(ours) == np.resize(TEST.labels, 50).tolist()
    values = fidelity.through_classifier(ours).values
    assert values["intra_class_distance_classifier"] == pytest.approx(0, abs=1e-6)
    assert values["intra_class_distance_real_classifier"] > 1e-3


def test_nothing_depends_on_the_size_of_blocks(weights, tmp_path):
    first, second = (
        fidelity.through_classifier(model(weights, **{"eval.batch_size": size})) for size in (7, 50)
    )
    assert first.values == second.values
    assert first.errors == second.errors


def test_the_same_evaluation_writes_the_same_bytes(weights, tmp_path):
    for name in ("a", "b"):
        evals.write(model(weights), tmp_path / name, "digest")
    assert (tmp_path / "a/fd_classifier.json").read_bytes() == (
        tmp_path / "b/fd_classifier.json"
    ).read_bytes()
    content = json.loads((tmp_path / "a/fd_classifier.json").read_text())
    assert set(content["errors"]) <= set(content["values"])
    for key in ("weights_sha256", "real_sha256", "resize", "seed", "config_digest", "ema_decay"):
        assert key in content["protocol"], key


def test_too_few_images_are_refused_unless_asked_for(weights):
    few = {"eval.fidelity_samples": 5}
    with pytest.raises(UserError, match="fidelity_samples: 5 images, and features have 6"):
        fidelity.through_classifier(model(weights, **few))
    with pytest.raises(UserError, match="a distance of 10 or more"):
        fidelity.check(model(weights, **few, **{"eval.allow_few": True}).config, TRAIN, TEST)
    wide = {"eval.fidelity_reals": 5}
    with pytest.raises(UserError, match="fidelity_reals: 5 images"):
        fidelity.check(model(weights, **wide).config, TRAIN, TEST)


def test_what_cannot_be_measured_says_why(weights):
    small = toy.split(TEST.images[:5])
    result = fidelity.through_classifier(model(weights)._replace(test=small))
    absent = result.protocol["absent"]
    assert not any(name.startswith("floor/") for name in result.values)
    for name in ("floor/fd_classifier", "floor/recall_classifier", "nearest_train_classifier"):
        assert absent[name] == "5 test images of the classes trained on, 10 are needed"
    # Enough test images for neighbours, too few for a Gaussian of as many dimensions.
    few = model(weights)._replace(test=toy.split(TEST.images[:10]))
    seer = extractor.of_classifier(weights, TRAIN.spec)
    wide = seer._replace(
        taps={"classifier": 12},
        extract=lambda *of: {"classifier": np.tile(seer.extract(*of)["classifier"], (1, 2))},
    )
    result = fidelity._evaluate(few, wide)
    assert result.protocol["absent"]["floor/kd_classifier"].startswith("10 test images, and")
    assert "nearest_train_classifier" in result.values
    assert result.protocol["absent"]["intra_class_distance_classifier"] == (
        "its samples have no label"
    )
    # A line takes four samples a dimension, here 24.
    short = fidelity.through_classifier(model(weights, **{"eval.fidelity_samples": 23}))
    assert short.protocol["absent"]["fd_infinity_classifier"].startswith("23 images")
    assert "floor/fd_infinity_classifier" in short.protocol["absent"]
    assert "fd_infinity_classifier" in fidelity.through_classifier(model(weights)).values


def test_every_number_that_could_be_is_there_or_says_why(weights):
    result = fidelity.through_classifier(model(weights, conditional=True))
    seer = extractor.of_classifier(weights, TRAIN.spec)
    known = {*result.values, *result.protocol["absent"]}
    # Beside a floor of 40 images, as many samples.
    assert known - {"first_40/fd_classifier"} == set(fidelity_names.at_tap(seer, "classifier"))
    assert result.values.keys().isdisjoint(result.protocol["absent"])


def test_copies_of_held_out_images_are_no_reason_to_stop(weights):
    same = model(weights)._replace(test=toy.split(TRAIN.images[:40]))
    result = fidelity.through_classifier(same)
    assert "hold out others" in result.protocol["absent"]["close_to_train_classifier"]
    assert "fd_classifier" in result.values


def test_only_classes_trained_on_are_asked_for_and_held_against(weights):
    chosen = np.flatnonzero(TRAIN.labels != 4)
    ours = model(weights, conditional=True, **{"data.train_classes": ("a", "b", "c", "d")})
    ours = ours._replace(train=Subset(TRAIN.spec, TRAIN, chosen))
    result = fidelity.through_classifier(ours)
    held = TEST.images[TEST.labels != 4]
    real, floor = (Moments.of(seen(weights, each)) for each in (TRAIN.images[chosen], held))
    assert result.values["floor/fd_classifier"] == frechet.distance(real, floor)
    assert result.protocol["num_floor"] == len(held)
    assert set(asked_labels(ours)) == {0, 1, 2, 3}


def test_the_inception_score_is_of_the_logits(weights):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(50, 7)).astype(np.float32)
    seer = extractor.of_classifier(weights, TRAIN.spec)
    both = seer._replace(name="inception", taps={"64": 3, "logits_unbiased": 7})
    sides = [
        fidelity_numbers.Side({"64": logits[:, :3] + i, "logits_unbiased": logits}, None)
        for i in range(2)
    ]
    values, errors = fidelity_numbers.compare(both, *sides, seed=3, allow_few=False)
    expected = inception_score.from_logits(logits, 3)
    assert (values["is"], errors["is"]) == (expected.value, expected.error)
    # Two sets of 50 give subsets of 25, whose overlap the error knows.
    assert errors["kid_64"] == pytest.approx(
        kernel.kid(*(side.features["64"] for side in sides), 3, 100, 25).deviation
    )


def test_a_tap_without_weights_is_absent_in_words(weights, monkeypatch):
    def apply(images, taps):
        flat = images.reshape(len(images), -1).astype(np.float32)
        return dict.fromkeys(taps, flat[:, :64])

    small = inception.Inception("digest", ("64",), apply)
    monkeypatch.setattr(inception, "load", lambda path: small)
    monkeypatch.setitem(extractor.inception_graph.DIMENSIONS, "64", 64)
    asked = {
        "eval.inception_weights": "x.npz",
        "eval.inception_taps": ("64", "2048"),
        "eval.allow_few": True,
    }
    result = fidelity.through_inception(model(weights, **asked))
    assert "fid_64" in result.values
    assert "fid" not in result.values
    for name in ("fid", "kid", "fid_infinity", "precision", "floor/coverage", "nearest_train"):
        assert "weights absent" in result.protocol["absent"][name], name
    deep = model(weights, **asked | {"eval.inception_taps": ("2048",)}).config
    with pytest.raises(UserError, match=r"one of 2048, 768, 192, 64 at least.*; 2048: weights"):
        fidelity.check(deep, TRAIN, TEST)
    with pytest.raises(UserError, match="no tap '2047'"):
        fidelity.through_inception(model(weights, **asked | {"eval.inception_taps": ("2047",)}))


def test_the_net_a_loss_was_trained_with_does_not_judge(weights):
    own = {"perceptual.weight": 1.0, "perceptual.weights": weights}
    for evaluate in (fidelity.through_classifier, classified.evaluate):
        with pytest.raises(UserError, match="may not judge"):
            evaluate(model(weights, **own))


def test_without_a_net_there_is_no_number(weights):
    assert fidelity.through_classifier(model(None)) is None
    assert fidelity.through_inception(model(weights)) is None


def test_a_floor_of_fewer_images_has_as_many_samples_beside_it(weights):
    result = fidelity.through_classifier(model(weights))
    assert result.units["floor/fd_classifier"].endswith("test images for samples, 40 of them")
    assert result.values["first_40/fd_classifier"] > result.values["fd_classifier"]
    alike = fidelity.through_classifier(model(weights, **{"eval.fidelity_samples": 40}))
    assert alike.units["floor/fd_classifier"].endswith("test images for samples")
    assert not [name for name in alike.values if name.startswith("first_")]


def test_of_fewer_samples_are_the_first_ones(weights):
    ours = model(weights, **{"eval.fidelity_fewer": (20, 30)})
    result = fidelity.through_classifier(ours)
    drawn = np.rint((ours.sample(np.zeros(50, np.int32)) + 1) * 127.5).astype(np.uint8)
    real = Moments.of(seen(weights, TRAIN.images))
    for count in (20, 30):
        name = f"first_{count}/fd_classifier"
        some = Moments.of(seen(weights, drawn)[:count])
        assert result.values[name] == pytest.approx(frechet.distance(real, some), rel=1e-6)
        assert f"the first {count} samples" in result.units[name]
    config = model(weights, **{"eval.fidelity_fewer": (50,)}).config
    with pytest.raises(UserError, match="no fewer than"):
        fidelity.check(config, TRAIN, TEST)
    # Two are fewer than the features have dimensions.
    assert (
        "first_2/fd_classifier"
        not in fidelity.through_classifier(model(weights, **{"eval.fidelity_fewer": (2,)})).values
    )
