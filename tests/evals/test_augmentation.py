"""Samples of a class with few images: what they teach a classifier, and when nothing."""

import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.errors import UserError
from gen_jax.evals import augmentation, pupil
from tests.evals import toy
from tests.evals.test_cas import SHAPE, sampler

SHADES = np.linspace(20, 230, 5)


def shades(count, of_last):
    """Five classes told apart by their brightness, the last one dim in its few training images."""
    labels = np.concatenate([np.arange(count) % 4, np.full(of_last, 4)])
    rng = np.random.default_rng(0)
    images = SHADES[labels][:, None, None, None] + rng.normal(0, 5, (len(labels), *SHAPE))
    return toy.split(np.clip(images, 0, 255).astype(np.uint8), labels)


def model(shift=0, of_last=3, only=None, **overrides):
    settings = {"conditional": True, "data.scarce": "4=3", "eval.augment_epochs": 10.0}
    train = shades(256, of_last)
    test = shades(80, 0 if only else 20)
    return toy.model(sampler(shift), test, train, **(settings | overrides))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small = {"classifier.widths": (8,), "classifier.lr": 1e-2}
    monkeypatch.setattr(pupil, "SETTINGS", pupil.SETTINGS | small)


def test_right_samples_help_and_wrong_ones_harm():
    good, bad = augmentation.evaluate(model()), augmentation.evaluate(model(shift=1))
    assert good.values["recall_augmented"] > 0.9
    assert good.values["accuracy_augmented"] > 0.9
    # Samples that look like class 0 under the label 4: class 0 suffers.
    assert bad.values["accuracy_augmented"] < good.values["accuracy_augmented"] - 0.05
    # The two that see no samples are the same.
    for way in ("scarce", "repeated"):
        assert bad.values[f"recall_{way}"] == good.values[f"recall_{way}"]
    protocol = good.protocol
    assert (protocol["num_real"], protocol["num_added"], protocol["num_scarce_tests"]) == (
        259,
        61,
        20,
    )


def test_the_three_ways_get_as_many_steps_and_the_added_images(monkeypatch):
    seen = []

    def right(model, split, steps):
        seen.append((split, steps))
        return np.ones(len(model.test), bool)

    monkeypatch.setattr(pupil, "right", right)
    augmentation.evaluate(model())
    (scarce, repeated, augmented), steps = zip(*seen, strict=True)
    assert steps == (25, 25, 25)  # ten epochs of 320 images, 128 at a time
    assert [len(each) for each in (scarce, repeated, augmented)] == [259, 320, 320]
    assert all(np.sum(each.labels == 4) == 64 for each in (repeated, augmented))
    few = scarce.images[scarce.labels == 4]
    rows = repeated.images[259:]
    assert np.array_equal(rows, np.resize(few, rows.shape))
    assert not np.array_equal(augmented.images[259:], rows)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"data.scarce": ""}, "no class is scarce"),
        ({"conditional": False}, "take conditional=True"),
        ({"data.scarce": "0=1,1=1,2=1,3=1,4=1"}, "every class is scarce"),
        ({"eval.augment_epochs": 1.0, "only": 80}, "no test image is of those classes"),
        ({"of_last": 0}, "the training set has no image of class e to repeat"),
    ],
)
def test_what_cannot_be_had(overrides, said):
    asked = model(**overrides)
    with pytest.raises(UserError, match=said):
        augmentation.check(asked.config, asked.train, asked.test)


def test_who_does_not_ask_gets_none():
    assert augmentation.evaluate(model(**{"eval.augment_epochs": 0.0})) is None
    family = toy.codes(lambda x: x, lambda x: jnp.zeros_like(x))
    assert augmentation.evaluate(model()._replace(family=family)) is None
