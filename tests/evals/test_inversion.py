import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.evals import inversion
from gen_jax.evals.model import to_uint8
from tests.evals import toy

W = np.random.default_rng(3).normal(0, 0.5, (4, 2))
PULL = 0.2
QUICK = {"eval.inversions": 10, "eval.inversion_steps": 300, "conditional": True}


def generator():
    """x = W z + PULL y, z from N(0, I)."""

    def prior(keys, labels):
        return jax.vmap(lambda key: jax.random.normal(key, (2,)))(keys)

    def decode(state, z, labels):
        shift = PULL * labels[:, None, None, None]
        return (z @ jnp.asarray(W.T, jnp.float32)).reshape(-1, *toy.SHAPE) + shift

    never = lambda *args: None  # noqa: E731
    return Family(never, never, decode=decode, prior=prior)


def model(**overrides):
    return toy.model(generator(), toy.split(toy.noise_images(12)), **QUICK | overrides)


def projected(images, labels):
    """The nearest pictures of the linear generator, and their z."""
    flat = scaled(images).reshape(len(images), -1).astype(np.float64) - PULL * labels[:, None]
    z = np.linalg.lstsq(W, flat.T, rcond=None)[0].T
    return z @ W.T + PULL * labels[:, None], z


def test_a_linear_generator_is_inverted_by_least_squares():
    made = model()
    result = inversion.evaluate(made)
    images, labels = made.test.images[:10], made.test.labels[:10]
    nearest, z = projected(images, labels)
    error = np.square(nearest - scaled(images).reshape(10, -1)).mean(axis=1)
    assert result.values.keys() == result.units.keys() == inversion.UNITS.keys()
    np.testing.assert_allclose(result.values["inversion_mse"], error.mean(), rtol=1e-5)
    psnr = (10 * np.log10(4 / error)).mean()
    np.testing.assert_allclose(result.values["inversion_psnr"], psnr, rtol=1e-4)
    norm = np.linalg.norm(z, axis=1).mean() / np.sqrt(2)
    np.testing.assert_allclose(result.values["inversion_z_norm"], norm, rtol=1e-2)
    np.testing.assert_array_equal(result.arrays["inversion_input"], images)
    np.testing.assert_array_equal(result.arrays["inversion_labels"], labels)
    gap = result.arrays["inversion_output"].astype(int) - to_uint8(nearest.reshape(images.shape))
    assert np.abs(gap).max() <= 1
    assert result.protocol["num_examples"] == 10


def test_the_start_is_the_nearest_of_the_draws():
    made = model(**{"eval.inversion_steps": 0})
    values = inversion.evaluate(made).values
    count = 10 * inversion.DRAWS
    z = np.asarray(generator().prior(made.keys("sample", np.arange(count)), None))
    pictures = (z @ W.T).reshape(10, inversion.DRAWS, 4) + PULL * made.test.labels[:10, None, None]
    images = scaled(made.test.images[:10]).reshape(10, 1, 4)
    expected = np.square(pictures - images).mean(axis=2).min(axis=1).mean()
    np.testing.assert_allclose(values["inversion_mse_start"], expected, rtol=1e-5)
    np.testing.assert_allclose(values["inversion_mse"], expected, rtol=1e-5)


def test_no_step_makes_it_worse():
    found = [
        inversion.evaluate(model(**{"eval.inversion_steps": steps})).values["inversion_mse"]
        for steps in (0, 1, 20, 300)
    ]
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


def test_the_block_size_changes_nothing():
    small, large = (inversion.evaluate(model(**{"eval.batch_size": size})) for size in (3, 100))
    for name, value in small.values.items():
        np.testing.assert_allclose(value, large.values[name], rtol=1e-4)


@pytest.mark.parametrize(
    "family",
    [
        generator()._replace(encode=lambda *args: None),
        generator()._replace(prior=None),
        generator()._replace(decode=None),
    ],
)
def test_what_can_encode_or_cannot_decode_is_not_inverted(family):
    assert inversion.evaluate(model()._replace(family=family)) is None


def test_nothing_without_images_to_invert():
    assert inversion.evaluate(model(**{"eval.inversions": 0})) is None
    spec = DataSpec("ring", (1, 1, 2), 1, ("0",), 4, modes=((0.0, 1.0),))
    split = ArraySplit(spec, np.zeros((4, 1, 1, 2), np.float32), np.zeros(4, np.int32))
    assert inversion.evaluate(toy.model(generator(), split)) is None
