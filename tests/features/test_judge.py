"""A judge, by the network and the file it is made of."""

import hashlib
import importlib

import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from gen_jax.data.spec import DataSpec, scaled
from gen_jax.errors import UserError
from gen_jax.features import judge

SHAPE = (8, 12, 3)
SPEC = DataSpec("made up", SHAPE, 5, tuple("abcdé"), 9)
PIXELS = np.random.default_rng(1).integers(0, 256, (6, *SHAPE)).astype(np.uint8)


@pytest.fixture(params=["made", "residual"])
def packed(request):
    """The file of a plain and of a residual classifier."""
    return request.getfixturevalue(request.param)


def test_features_are_means_of_the_last_map_and_logits_are_linear_in_them(packed):
    found = judge.load(str(packed.path), SPEC)
    features, logits = found.apply(scaled(PIXELS))
    expected, maps = packed.net.apply(packed.variables, scaled(PIXELS), False)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    means = np.asarray(maps[-1]).mean(axis=(1, 2))
    np.testing.assert_allclose(features, means, rtol=1e-5, atol=1e-5)
    assert features.shape == (6, found.dimension)
    assert logits.shape == (6, len(found.classes))
    dense = packed.variables["params"]["Dense_0"]
    linear = features @ dense["kernel"] + dense["bias"][None]
    np.testing.assert_allclose(logits, linear, rtol=1e-5, atol=1e-5)


def test_bytes_are_seen_as_the_numbers_they_stand_for(packed):
    apply = judge.load(str(packed.path), SPEC).apply
    for ours, theirs in zip(apply(PIXELS), apply(scaled(PIXELS)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_numbers_of_any_precision_are_seen_as_they_are(made, dtype):
    apply, images = judge.load(str(made.path), SPEC).apply, scaled(PIXELS).astype(dtype)
    for ours, theirs in zip(apply(images), apply(images.astype(np.float32)), strict=True):
        assert ours.dtype == jnp.float32
        np.testing.assert_array_equal(ours, theirs)


def test_an_image_is_judged_alone(packed):
    apply = judge.load(str(packed.path), SPEC).apply
    for some, every in zip(apply(PIXELS[2:4]), apply(PIXELS), strict=True):
        np.testing.assert_allclose(some, every[2:4], rtol=1e-5, atol=1e-5)


def test_it_says_what_it_is(packed):
    found = judge.load(str(packed.path), SPEC)
    assert found.digest == hashlib.sha256(packed.path.read_bytes()).hexdigest()
    assert found.dimension == 6
    assert found.architecture == packed.net.architecture
    assert (found.seed, found.trained_on, found.config_digest) == (7, "made up", "0123abcd")
    assert found.classes == SPEC.class_names


def test_a_file_that_does_not_say_whence_it_comes_judges_as_well(packed, tmp_path):
    arrays = {k: v for k, v in packed.arrays.items() if k not in ("data", "seed", "config_digest")}
    np.savez(tmp_path / "old.npz", **arrays)
    found = judge.load(str(tmp_path / "old.npz"), SPEC)
    assert (found.seed, found.trained_on, found.config_digest) == (None, None, None)
    np.testing.assert_array_equal(
        found.apply(PIXELS)[0], judge.load(str(packed.path), SPEC).apply(PIXELS)[0]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (8, 8, 3)}, r"names images \[8, 12, 3\], not \[8, 8, 3\]; train one on made up"),
        ({"class_names": tuple("abcde")}, r"names 5 classes \(a, b, c, ...\), not these 5"),
        ({"class_names": ("a", "b")}, r"not these 2 \(a, b\)"),
        (
            {"name": "cifar100", "shape": (32, 32, 3)},
            "train one with python run.py --config=configs/judge_cifar100.py "
            "--config.data.image_size=32 --config.data.channels=3",
        ),
    ],
)
def test_a_judge_of_other_images_is_refused(made, change, message):
    with pytest.raises(UserError, match=message) as caught:
        judge.load(str(made.path), SPEC._replace(**change), "eval.judge")
    assert str(caught.value).startswith(f"eval.judge='{made.path}' names ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_judge_is_refused(made, tmp_path):
    with pytest.raises(UserError, match="is not a file; train one on made up after the example of"):
        judge.load(str(tmp_path / "none.npz"), SPEC)
    np.savez(tmp_path / "seed.npz", **made.arrays | {"seed": np.array("seven")})
    with pytest.raises(UserError, match="is not of a classifier: its seed is not a number"):
        judge.load(str(tmp_path / "seed.npz"), SPEC)


@pytest.mark.parametrize("name", judge.CONFIGS)
def test_the_configs_it_names_train_one_that_nothing_else_is(name):
    config = importlib.import_module(f"configs.judge_{name}").get_config()
    assert judge.CONFIGS[name] == f"configs/judge_{name}.py"
    assert (config.family, config.data.name) == ("classifier", name)
    default = base.get_config()
    assert config.classifier.net != default.classifier.net
    assert config.seed != default.seed


def test_a_judge_may_not_be_what_the_model_was_trained_to_please(made, residual):
    config, own = base.get_config(), judge.load(str(made.path), SPEC).digest
    other = judge.load(str(residual.path), SPEC).digest
    config.perceptual.weights = str(made.path)
    judge.refuse_own(own, config)  # its weight is 0: there is no such loss
    config.perceptual.weight = 0.5
    judge.refuse_own(other, config)
    with pytest.raises(UserError, match="was trained to please and may not judge it; train anoth"):
        judge.refuse_own(own, config)
    config.perceptual.weights = str(made.path.parent / "gone.npz")
    with pytest.raises(UserError, match=r"gone.npz' is not a file"):
        judge.refuse_own(own, config)
