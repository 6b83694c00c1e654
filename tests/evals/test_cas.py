"""A classifier trained on samples that are the classes, and on samples that are not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.data import Subset
from gen_jax.errors import UserError
from gen_jax.evals import cas, pupil
from tests.evals import toy

SHAPE = (8, 8, 1)
SHADES = np.linspace(20, 230, 5)


def shades(count):
    """Images of five classes told apart by their brightness, with noise."""
    labels = np.arange(count) % 5
    rng = np.random.default_rng(0)
    images = SHADES[labels][:, None, None, None] + rng.normal(0, 5, (count, *SHAPE))
    return toy.split(np.clip(images, 0, 255).astype(np.uint8), labels)


def sampler(shift):
    """Samples of the class `shift` beyond the one asked for."""

    def sample(state, keys, labels):
        wanted = jnp.asarray(SHADES, jnp.float32)[(labels + shift) % 5] / 127.5 - 1
        noise = jax.vmap(lambda key: jax.random.normal(key, SHAPE))(keys)
        return wanted[:, None, None, None] + 0.04 * noise

    return Family(lambda key: None, lambda *args: None, sample=sample)


def model(shift=0, **overrides):
    settings = {"conditional": True, "eval.cas_samples": 256, "eval.cas_epochs": 20.0}
    return toy.model(sampler(shift), shades(50), shades(256), **(settings | overrides))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small = {"classifier.widths": (8,), "classifier.lr": 1e-2}
    monkeypatch.setattr(pupil, "SETTINGS", pupil.SETTINGS | small)


def test_samples_teach_what_they_show():
    right, wrong = cas.evaluate(model()), cas.evaluate(model(shift=1))
    assert right.values["cas"] > 0.9
    assert right.values["cas_real"] > 0.9
    assert wrong.values["cas"] < 0.1
    # The twin sees no samples.
    assert wrong.values["cas_real"] == right.values["cas_real"]
    assert right.protocol["num_fake"] == 256


def test_only_classes_that_were_taught_are_asked_about():
    ours = model(**{"data.train_classes": ("a", "b", "c"), "eval.cas_epochs": 60.0})
    some = np.flatnonzero(ours.train.labels < 3)
    ours = ours._replace(train=Subset(ours.train.spec, ours.train, some))
    ours.config.eval.cas_samples = len(some)
    taught = cas.evaluate(ours)
    assert taught.values["cas_real"] > 0.9
    assert taught.protocol["num_examples"] == 30
    none = toy.split(np.zeros((5, *SHAPE), np.uint8), np.full(5, 3))
    assert cas.evaluate(ours._replace(test=none)) is None


def test_who_has_nothing_to_teach_is_not_asked():
    assert cas.evaluate(model(**{"eval.cas_samples": 0})) is None
    assert cas.evaluate(model(conditional=False)) is None
    with pytest.raises(UserError, match="at least a batch"):
        cas.check(model(**{"eval.cas_samples": 50}).config, model().train)
