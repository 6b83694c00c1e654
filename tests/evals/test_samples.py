import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.evals import samples
from tests.evals import toy

SHAPE = (5, 4, 3)
SHRINK = 0.5


def family(images, **functions):
    """Samples are the test images themselves, shrunk towards grey."""
    real = jnp.asarray(scaled(images))

    def sample(state, keys, labels):
        return SHRINK * real[: len(labels)]

    never = lambda *args: None  # noqa: E731
    return Family(never, never, sample=sample, **functions)


def evaluate(able=(), images=None, labels=None, **overrides):
    images = toy.noise_images(20, SHAPE) if images is None else images
    both = {
        "encode": lambda state, x, y: (x.reshape(len(x), -1), jnp.zeros((len(x), 1))),
        "decode": lambda state, z, y: z.reshape(-1, *SHAPE),
    }
    made = family(images, **{name: both[name] for name in able})
    return samples.evaluate(
        toy.model(made, toy.split(images, labels), **{"eval.batch_size": 20} | overrides)
    )


@pytest.mark.parametrize("able", [(), ("decode",), ("encode",)])
def test_samples_alone_are_measured_without_reconstructions(able):
    result = evaluate(able)
    assert result.values.keys() == result.units.keys()
    assert "sharpness_reconstructions" not in result.values
    np.testing.assert_allclose(result.values["sharpness_samples"], SHRINK**2, rtol=1e-5)
    np.testing.assert_allclose(result.values["variance"], SHRINK**2, rtol=1e-5)


def test_reconstructions_are_beside_where_there_are_any():
    result = evaluate(("encode", "decode"))
    assert list(result.values)[:2] == ["sharpness_samples", "sharpness_reconstructions"]
    np.testing.assert_allclose(result.values["sharpness_reconstructions"], 1, rtol=1e-5)


def test_the_variance_of_a_conditional_model_is_split():
    values = evaluate(conditional=True).values
    np.testing.assert_allclose(values["variance_within_class"], SHRINK**2, rtol=1e-5)


def test_a_lone_picture_of_a_class_counts_towards_no_variance():
    pictures = np.random.default_rng(0).normal(size=(4, *SHAPE))
    of_first = pictures[:2].var(axis=0, ddof=1).mean()
    within, between = samples.class_variances(pictures, np.array([0, 0, 1, 2]))
    assert within == pytest.approx(of_first)
    assert np.isnan(between)
    assert np.isnan(samples.class_variances(pictures, np.arange(4))).all()


def test_a_single_image_or_one_shade_leaves_nothing_to_compare_with():
    assert evaluate(images=toy.noise_images(1, SHAPE)) is None
    assert evaluate(**{"eval.samples": 1}) is None
    assert evaluate(images=np.full((20, *SHAPE), 77, np.uint8)) is None
    assert evaluate(images=toy.noise_images(2, SHAPE)) is not None


@pytest.mark.parametrize("conditional", [False, True])
def test_images_all_alike_are_sharp_but_do_not_vary(conditional):
    alike = np.repeat(toy.noise_images(1, SHAPE), 20, axis=0)
    values = evaluate(images=alike, conditional=conditional).values
    assert values.keys() == {"sharpness_samples", "real_laplacian_energy"}
    np.testing.assert_allclose(values["sharpness_samples"], SHRINK**2, rtol=1e-5)


def test_images_alike_within_a_class_vary_between_classes_only():
    alike = np.tile(toy.noise_images(5, SHAPE), (4, 1, 1, 1))
    values = evaluate(images=alike, conditional=True).values
    assert "variance_within_class" not in values
    np.testing.assert_allclose(values["variance_between_classes"], SHRINK**2, rtol=1e-4)
    np.testing.assert_allclose(values["variance"], SHRINK**2, rtol=1e-5)


def test_the_laplacian_of_a_checkerboard():
    row, column = np.mgrid[:6, :6]
    board = np.where((row + column) % 2, 1.0, -1.0)[None, ..., None]
    # 4 x - (sum of four neighbours, each -x) = 8 x.
    np.testing.assert_allclose(samples.sharpness(board), 64)


def test_points_in_the_plane_have_no_sharpness():
    spec = DataSpec("ring", (1, 1, 2), 1, ("0",), 4, modes=((0.0, 1.0),))
    split = ArraySplit(spec, np.zeros((4, 1, 1, 2), np.float32), np.zeros(4, np.int32))
    assert samples.evaluate(toy.model(family(np.zeros((4, 1, 1, 2), np.uint8)), split)) is None
