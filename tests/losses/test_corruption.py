import jax
import numpy as np
import pytest

from gen_jax.losses.corruption import CORRUPTIONS

KEYS = jax.random.split(jax.random.key(0), 40)
IMAGES = np.random.default_rng(1).uniform(-0.9, 0.9, (40, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_level_zero_leaves_images_alone_and_noise_belongs_to_the_example(name):
    corrupt = CORRUPTIONS[name]
    np.testing.assert_array_equal(corrupt(KEYS, IMAGES, 0.0), IMAGES)
    np.testing.assert_allclose(
        corrupt(KEYS, IMAGES, 0.3)[5:7], corrupt(KEYS[5:7], IMAGES[5:7], 0.3), rtol=1e-6
    )


def test_gaussian_noise_has_its_standard_deviation():
    noise = np.asarray(CORRUPTIONS["gaussian"](KEYS, IMAGES, 0.5) - IMAGES)
    assert abs(noise.std() - 0.5) < 0.01
    assert abs(noise.mean()) < 0.01


def test_masking_blackens_whole_pixels():
    hit = np.asarray(CORRUPTIONS["masking"](KEYS, IMAGES, 0.25)) != IMAGES
    assert (hit.any(axis=-1) == hit.all(axis=-1)).all()
    assert abs(hit.mean() - 0.25) < 0.02


def test_salt_and_pepper_are_equally_many():
    out = np.asarray(CORRUPTIONS["salt_and_pepper"](KEYS, IMAGES, 0.4))
    assert abs((out == 1).mean() - 0.2) < 0.02
    assert abs((out == -1).mean() - 0.2) < 0.02
