"""An SVM on feature maps that tell the class, tell nothing, or are not there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from gen_jax.core.state import Family
from gen_jax.evals import feature_svm
from gen_jax.evals.feature_svm import pool
from tests.evals import toy

SHAPE = (8, 8, 1)


def data(count, seed):
    """Noise whose contrast, and no pixel by itself, tells the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, count)
    signs = rng.choice([-1, 1], (count, *SHAPE))
    pictures = 127.5 + signs * (20 * labels[:, None, None, None] + 25)
    return toy.split(pictures.astype(np.uint8), labels)


def family(telling):
    """Feature maps whose state, 1 trained and 0 as initialised, lets contrast through."""

    def features(state, images):
        contrast = jnp.abs(images) * state["gain"]
        steps = [jax.nn.relu(contrast - 0.16 * i - 0.27) for i in range(4)]
        return (jnp.concatenate(steps, axis=-1), contrast[:, ::4, ::4])

    def init(key):
        return {"gain": jnp.zeros(())}

    return Family(init, lambda *args: None, features=features if telling else None)


def evaluate(train=None, test=None, telling=True, **overrides):
    overrides = {"family": "gan", "eval.svm_examples": 300} | overrides
    train, test = train or data(300, 0), test or data(200, 1)
    model = toy.model(family(telling), test, train, **overrides)
    return feature_svm.evaluate(model._replace(state={"gain": jnp.ones(())}))


def test_features_that_tell_the_class_and_yardsticks_that_do_not():
    result = evaluate()
    values, share = result.values, 1 / 5
    assert values["svm_accuracy"] == 1
    assert values["svm_accuracy_high"] == 1
    low = binomtest(200, 200).proportion_ci(0.95, method="wilson").low
    assert values["svm_accuracy_low"] == pytest.approx(low)
    # As initialised every feature is 0, and all images are of one class to it.
    shares = np.bincount(data(200, 1).labels) / 200
    assert values["svm_accuracy_random"] in shares
    assert values["svm_accuracy_pixels"] < share + 4 * (share * (1 - share) / 200) ** 0.5
    assert values["chance"] == max(shares)
    assert set(result.units) == set(values)
    assert result.verdict.startswith("Discriminator features classify 100.0% of test images")


def test_the_protocol_says_what_was_fitted_to_what():
    protocol = evaluate(**{"eval.svm_examples": 250}).protocol
    assert (protocol["num_train"], protocol["num_test"], protocol["num_classes"]) == (250, 200, 5)
    fits = protocol["fits"]
    assert [fits[kind]["features"] for kind in fits] == [64 + 4, 64 + 4, 64]
    assert all(fit["gradient"] <= 1e-3 for fit in fits.values())


def test_only_classes_of_the_first_examples_are_asked_for():
    train, test = data(300, 0), data(200, 1)
    order = np.argsort(-train.labels, kind="stable")
    sorted_by_class = toy.split(train.images[order], train.labels[order])
    last_two = int(np.sum(train.labels > 2))
    result = evaluate(sorted_by_class, test, **{"eval.svm_examples": last_two})
    assert result.protocol["num_classes"] == 2
    assert result.protocol["num_examples"] == np.sum(test.labels > 2)
    assert result.values["svm_accuracy"] == 1


def test_it_is_reproducible_and_blocks_do_not_matter():
    noise = [toy.split(toy.noise_images(150, SHAPE, seed)) for seed in (0, 1)]
    first, second, other = (
        evaluate(*noise, **{"eval.batch_size": size}).values for size in (7, 7, 40)
    )
    assert first == second
    assert first == other


def test_labels_that_are_noise_are_at_chance():
    noise = [toy.split(toy.noise_images(300, SHAPE, seed)) for seed in (0, 1)]
    values = evaluate(*noise).values
    highest = binomtest(60, 300).proportion_ci(0.999).high
    for kind in ("", "_random", "_pixels"):
        assert values[f"svm_accuracy{kind}"] < highest


def test_where_there_is_no_svm():
    assert evaluate(**{"eval.svm_examples": 0}) is None
    assert evaluate(telling=False) is None
    one_class = toy.split(toy.noise_images(30, SHAPE), np.full(30, 2))
    assert evaluate(one_class) is None
    assert evaluate(test=one_class, train=toy.split(one_class.images, np.arange(30) % 2)) is None


def torchs(x):
    torch = pytest.importorskip("torch")
    """Adaptive max pooling of one map [n, h, w, c], flattened."""
    grid = tuple(min(4, side) for side in x.shape[1:3])
    pooled = torch.nn.functional.adaptive_max_pool2d(torch.tensor(x).permute(0, 3, 1, 2), grid)
    return pooled.permute(0, 2, 3, 1).reshape(len(x), -1).numpy()


@pytest.mark.parametrize("sides", [[(8, 8), (4, 4), (2, 2)], [(14, 7), (1, 5)], [(3, 17)]])
def test_pooling_is_torchs_adaptive_one(sides):
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(2, *side, 3)).astype(np.float32) for side in sides]
    pooled = jax.jit(pool)(tuple(maps))
    np.testing.assert_array_equal(pooled, np.concatenate([torchs(x) for x in maps], axis=1))


@given(st.integers(1, 64))
def test_windows_cover_a_side_in_turn(side):
    windows = feature_svm._windows(side)
    assert len(windows) == min(4, side)
    assert sorted(set().union(*(range(a, b) for a, b in windows))) == list(range(side))
    if side % 4 == 0:
        assert windows == [(i * side // 4, (i + 1) * side // 4) for i in range(4)]


def test_a_dcgan_of_cifar10_has_7168_features():
    maps = [jax.ShapeDtypeStruct((2, n, n, c), float) for n, c in ((16, 64), (8, 128), (4, 256))]
    assert jax.eval_shape(pool, tuple(maps)).shape == (2, 7168)
