"""How well logits tell test images from samples, against closed forms and scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit
from scipy.stats import mannwhitneyu

from gen_jax.core.state import Family
from gen_jax.evals import discrimination, reconstruction
from tests.evals import toy

IMAGES = toy.noise_images(40)
REAL = np.linspace(-1, 3, 40).astype(np.float32)
FAKE = np.linspace(-3, 0.5, 40).astype(np.float32)
PLAIN = {
    "d/real": lambda i: jnp.asarray(REAL)[i],
    "d/fake": lambda i: jnp.asarray(FAKE)[i],
    "loss/generator": lambda i: 2.0 * jnp.ones(len(i)),
    "loss/discriminator": lambda i: i.astype(jnp.float32),
}


def judging(terms=PLAIN):
    """A family whose metrics of test image i are `terms` of i, read off the image's first pixel."""

    def metrics(state, batch, keys):
        index = jnp.rint((batch["image"][:, 0, 0, 0] + 1) * 127.5).astype(jnp.int32)
        return {name: term(index) for name, term in terms.items()}

    never = lambda *args: None  # noqa: E731
    return Family(never, never, metrics=metrics, sample=never, best=None)


def model(family=None, **overrides):
    images = IMAGES.copy()
    images[:, 0, 0, 0] = np.arange(len(images))
    options = {"family": "gan", "loss.adversarial": "non_saturating"} | overrides
    return toy.model(judging() if family is None else family, toy.split(images), **options)


def test_a_probabilistic_discriminator():
    result = discrimination.evaluate(model())
    values = result.values
    assert values["d/real"] == pytest.approx(1.0)
    assert values["d/fake"] == pytest.approx(-1.25)
    assert values["loss/generator"] == 2.0
    assert values["loss/discriminator"] == pytest.approx(np.arange(40).mean())
    assert values["d/accuracy_real"] == np.mean(REAL > 0)
    assert values["d/accuracy_fake"] == np.mean(FAKE < 0)
    accuracy = (np.mean(REAL > 0) + np.mean(FAKE < 0)) / 2
    p = expit(np.concatenate([REAL, FAKE]).astype(np.float64))
    assert values["d_accuracy"] == accuracy
    assert values["d_confidence"] == pytest.approx(np.maximum(p, 1 - p).mean())
    y = np.repeat([1, 0], [len(REAL), len(FAKE)])
    expected = np.mean((p - y) * np.concatenate([REAL, FAKE]))
    assert values["overconfidence"] == pytest.approx(expected, rel=1e-5)
    assert result.units.keys() == values.keys()
    assert all(result.units.values())
    assert result.protocol["num_examples"] == 40
    assert f"{accuracy:.2f}" in result.verdict


def test_only_so_many_test_images():
    result = discrimination.evaluate(model(), 10)
    assert result.values["loss/discriminator"] == np.arange(10).mean()
    assert result.protocol["num_examples"] == 10


@pytest.mark.parametrize(
    ("options", "boundary"),
    [
        ({"loss.adversarial": "least_squares"}, 0.5),
        ({"loss.adversarial": "hinge"}, 0.0),
        ({"loss.real_label": 0.9}, logit(0.45)),
    ],
)
def test_the_boundary_is_the_games(options, boundary):
    result = discrimination.evaluate(model(**options))
    assert result.values["d/accuracy_real"] == np.mean(boundary < REAL)
    assert result.values["d/accuracy_fake"] == np.mean(boundary > FAKE)
    assert ("d_ece" in result.values) == ("loss.real_label" in options)
    assert result.protocol["boundary"] == pytest.approx(boundary)


def test_a_critic_without_boundary_has_an_auc():
    result = discrimination.evaluate(model(**{"loss.adversarial": "wasserstein"}))
    terms = {"d/real", "d/fake", "loss/generator", "loss/discriminator"}
    assert result.values.keys() == {"d_auc"} | terms
    assert "accuracy" not in result.verdict


whole = st.integers(-4, 4).map(float)


@given(
    arrays(np.float64, st.integers(1, 20), elements=whole), arrays(np.float64, 7, elements=whole)
)
def test_auc_counts_pairs(real, fake):
    pairs = mannwhitneyu(real, fake).statistic / (len(real) * len(fake))
    assert discrimination.auc(real, fake) == pytest.approx(pairs)


def test_calibrated_logits_have_no_calibration_error():
    confidence = np.repeat([0.6, 0.8, 0.95], 100)
    correct = np.concatenate([np.arange(100) < share for share in (60, 80, 95)])
    assert discrimination.calibration_error(confidence, correct) == pytest.approx(0.0, abs=1e-12)


def test_calibration_error_is_the_mean_gap_of_the_bins():
    # Two in (0.5333, 0.6], one of them right; one in (0.9333, 1] that is wrong.
    confidence, correct = np.array([0.55, 0.6, 1.0]), np.array([True, False, False])
    expected = 2 / 3 * abs(0.575 - 0.5) + 1 / 3 * 1.0
    assert discrimination.calibration_error(confidence, correct) == pytest.approx(expected)


def test_errors_of_opposite_sign_cancel_within_a_bin_alone():
    correct = np.array([True, False])
    assert discrimination.calibration_error(np.array([0.99, 0.95]), correct) == pytest.approx(0.47)
    assert discrimination.calibration_error(np.array([0.55, 0.95]), correct) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("game", "expected"),
    [
        ("minimax", 2 * expit(FAKE.astype(np.float64)).mean()),
        ("non_saturating", 2 * expit(-FAKE.astype(np.float64)).mean()),
        ("hinge", 1.0),
        ("least_squares", 2 * np.abs(FAKE.astype(np.float64) - 1).mean()),
    ],
)
def test_the_slope_of_the_generators_loss(game, expected):
    values = discrimination.evaluate(model(**{"loss.adversarial": game})).values
    assert values["g_slope"] == pytest.approx(expected, rel=1e-5)


TOGETHER = [
    {"discriminator.norm": "batch"},
    {"discriminator.minibatch": "stddev"},
    {"discriminator.pack": 2},
]
SIZES = PLAIN | {"loss/discriminator": lambda i: jnp.full(len(i), float(len(i)))}


@pytest.mark.parametrize("options", TOGETHER)
def test_what_looks_across_images_sees_as_many_as_in_training(options):
    result = discrimination.evaluate(model(judging(SIZES), batch_size=16, **options))
    # Two batches of 16; a third would be one of 8.
    assert result.protocol["num_examples"] == 32
    assert result.protocol["judged_together"] == 16
    assert result.values["loss/discriminator"] == 16
    assert result.values["d/real"] == pytest.approx(REAL[:32].mean())
    fewer = discrimination.evaluate(model(judging(SIZES), batch_size=16, **options), 17)
    assert fewer.protocol["num_examples"] == 16
    few = discrimination.evaluate(model(judging(SIZES), batch_size=16, **options), 10)
    assert few.protocol["num_examples"] == 10


def test_a_hybrids_discriminator_is_shown_whole_batches_and_its_encoder_all_images():
    of_block = {"mse": lambda i: jnp.asarray(REAL)[i], "loss/kl": lambda i: jnp.asarray(REAL)[i]}
    hybrid = judging(SIZES | of_block)._replace(encode=lambda state, images, labels: None)
    ours = model(hybrid, batch_size=16, **{"discriminator.norm": "batch"})
    ours.config.family = "cvae_gan"
    result = reconstruction.evaluate(ours)
    assert result.protocol["num_examples"] == 40
    assert result.values["mse"] == result.values["loss/kl"] == pytest.approx(REAL.mean())
    assert result.values["loss/discriminator"] == 16
    assert result.values["d/real"] == pytest.approx(REAL[:32].mean())
    whole = {"judged_together": 16, "num_examples": 32}
    assert result.protocol["of"]["d/real"] == whole
    assert result.protocol["of"]["loss/discriminator"] == {"objective": "cvae_gan"} | whole
    assert result.protocol["of"]["loss/kl"] == {"objective": "cvae_gan"}
    ours.config.discriminator.norm = "none"
    alone = reconstruction.evaluate(ours)
    assert "judged_together" not in alone.protocol["of"]["loss/discriminator"]


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_what_sees_images_one_by_one_is_shown_them_all(norm):
    result = discrimination.evaluate(
        model(judging(SIZES), batch_size=16, **{"discriminator.norm": norm})
    )
    assert result.protocol["num_examples"] == 40
    assert result.protocol["judged_together"] == 1
    assert result.values["loss/discriminator"] == pytest.approx((5 * 7**2 + 5**2) / 40)


def test_families_without_a_discriminator_or_with_an_encoder_have_none():
    only_mse = judging({"mse": lambda i: i.astype(jnp.float32)})
    encoding = judging()._replace(encode=lambda state, images, labels: None)
    classifier = judging()._replace(sample=None)
    for family in (only_mse, encoding, classifier):
        assert discrimination.evaluate(model(family)) is None


def test_a_gan_is_not_said_to_reconstruct():
    assert reconstruction.evaluate(model()) is None
    with_encoder = judging()._replace(encode=lambda state, images, labels: None)
    assert reconstruction.evaluate(model(with_encoder)).values["d/real"] == pytest.approx(1.0)
    classifier = judging()._replace(sample=None)
    assert reconstruction.evaluate(model(classifier)).values["loss/generator"] == 2.0
