"""Anomaly scores against rank statistics by hand and known orders."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from gen_jax.core.state import Family
from gen_jax.errors import UserError
from gen_jax.evals import anomaly
from tests.evals import toy

LABELS = np.repeat([0, 1, 2, 3, 4], 8)
SHOWN = anomaly.SHOWN


def family(*names):
    """Metrics by name, from the pixels of a flat image: ELBO falls with the first one."""
    metrics = {
        "elbo": lambda x: -x[:, 0],
        "mse": lambda x: x[:, 1] + 1,
        "kl": lambda x: x[:, 2] + 1,
        "accuracy": lambda x: x[:, 3],
        "broken": lambda x: jnp.full(len(x), jnp.inf),
    }

    def evaluate(state, batch, keys):
        flat = batch["image"].reshape(len(batch["image"]), -1)
        return {name: metrics[name](flat) for name in names}

    return Family(lambda key: None, lambda *args: None, metrics=evaluate)


def evaluate(images, *names, chosen=("a", "b", "1", 2), labels=LABELS, **more):
    overrides = {"data.train_classes": chosen} | more
    return anomaly.evaluate(toy.model(family(*names), toy.split(images, labels), **overrides))


def test_scores_are_ranked_with_anomalies_on_top():
    images = toy.noise_images(40)
    result = evaluate(images, "elbo", "mse", "kl")
    strange = LABELS > 2
    flat = images.reshape(40, 4).astype(float)
    for name, score in (("elbo", flat[:, 0]), ("mse", flat[:, 1]), ("kl", flat[:, 2])):
        u = mannwhitneyu(score[strange], score[~strange]).statistic
        assert result.values[f"auroc_{name}"] == pytest.approx(u / (16 * 24))
        # Average precision by its definition: precision at every hit, ties apart.
        hits = strange[np.argsort(-score, kind="stable")]
        precision = np.cumsum(hits) / np.arange(1, 41)
        assert result.values[f"aupr_{name}"] == pytest.approx(precision[hits].mean(), abs=0.02)
    for label in (3, 4):
        u = mannwhitneyu(flat[label == LABELS, 0], flat[~strange, 0]).statistic
        assert result.values[f"auroc_elbo/{'abcde'[label]}"] == pytest.approx(u / (8 * 24))
    assert result.values["anomaly_share"] == 0.4
    assert result.values.keys() == result.units.keys()
    assert result.protocol["train_classes"] == ["a", "b", "1", "2"]


def test_scores_of_corrupted_images_say_so():
    noise = {"loss.corruption": "masking", "loss.corruption_level": 0.25}
    found = evaluate(toy.noise_images(40), "mse", **noise)
    assert (found.protocol["corruption"], found.protocol["corruption_level"]) == ("masking", 0.25)


def test_the_report_gets_scores_and_extreme_pictures():
    images = toy.noise_images(40)
    arrays = evaluate(images, "elbo", "mse").arrays
    assert arrays["anomaly_scores"].dtype == np.float32
    np.testing.assert_array_equal(arrays["anomaly_is"], LABELS > 2)
    order = np.argsort(-images[:, 0, 0, 0].astype(int), kind="stable")
    np.testing.assert_array_equal(arrays["anomaly_most"], images[order[:SHOWN]])
    np.testing.assert_array_equal(arrays["anomaly_least"], images[order[::-1][:SHOWN]])
    np.testing.assert_array_equal(arrays["anomaly_most_labels"], LABELS[order[:SHOWN]])
    np.testing.assert_array_equal(arrays["anomaly_least_labels"], LABELS[order[::-1][:SHOWN]])


def test_a_perfect_detector_and_a_reversed_one():
    images = toy.noise_images(40)
    images[:, 0, 0, 0] = np.where(LABELS > 2, 200, 100)
    images[:, 0, 1, 0] = np.where(LABELS > 2, 100, 200)
    result = evaluate(images, "elbo", "mse")
    assert (result.values["auroc_elbo"], result.values["aupr_elbo"]) == (1, 1)
    assert result.values["auroc_mse"] == 0
    assert result.verdict.startswith("Detector of anomalies")
    assert evaluate(images, "mse").verdict.startswith("Worse than chance")


def test_without_an_elbo_the_reconstruction_error_is_the_main_score():
    result = evaluate(toy.noise_images(40), "mse", "broken")
    assert {"auroc_mse/d", "auroc_mse/e"} <= result.values.keys()
    assert not any("elbo" in name for name in result.values)


def test_one_anomalous_class_is_not_counted_twice():
    result = evaluate(toy.noise_images(40), "elbo", chosen=tuple("abcd"))
    assert result.values.keys() == {"auroc_elbo", "aupr_elbo", "anomaly_share"}


def test_where_nothing_is_an_anomaly_there_is_no_evaluation():
    images = toy.noise_images(40)
    assert evaluate(images, "elbo", chosen=()) is None
    assert evaluate(images, "elbo", chosen=tuple("abcde")) is None
    assert evaluate(images, "elbo", labels=np.full(40, 4)) is None
    assert evaluate(images, "accuracy") is None


def test_an_unknown_class_is_a_users_error():
    with pytest.raises(UserError, match="no class 'bb'"):
        evaluate(toy.noise_images(40), "elbo", chosen=("a", "bb"))
