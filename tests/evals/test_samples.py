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


def evaluate(able=(), **overrides):
    images = toy.noise_images(20, SHAPE)
    both = {
        "encode": lambda state, x, y: (x.reshape(len(x), -1), jnp.zeros((len(x), 1))),
        "decode": lambda state, z, y: z.reshape(-1, *SHAPE),
    }
    made = family(images, **{name: both[name] for name in able})
    return samples.evaluate(
        toy.model(made, toy.split(images), **{"eval.batch_size": 20} | overrides)
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


def test_the_laplacian_of_a_checkerboard():
    row, column = np.mgrid[:6, :6]
    board = np.where((row + column) % 2, 1.0, -1.0)[None, ..., None]
    # 4 x - (sum of four neighbours, each -x) = 8 x.
    np.testing.assert_allclose(samples.sharpness(board), 64)


def test_points_in_the_plane_have_no_sharpness():
    spec = DataSpec("ring", (1, 1, 2), 1, ("0",), 4, modes=((0.0, 1.0),))
    split = ArraySplit(spec, np.zeros((4, 1, 1, 2), np.float32), np.zeros(4, np.int32))
    assert samples.evaluate(toy.model(family(np.zeros((4, 1, 1, 2), np.uint8)), split)) is None
