"""Denoising by models that return their input, know the answer, or shrink towards the mean."""

import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.state import Family
from gen_jax.evals import denoising
from gen_jax.losses import elbo
from gen_jax.losses.corruption import CORRUPTIONS
from tests.evals import toy

SHAPE = (16, 16, 1)
GREY = toy.noise_images(30, SHAPE)
DIM = 96 + toy.noise_images(200, SHAPE) // 4
"""So near to grey that the noise of a test reaches neither black nor white."""


def family(encode, decode=lambda z: z):
    """A family whose code is as long as the image."""

    def code(state, images, labels):
        mean = encode(images).reshape(len(images), -1)
        return mean, jnp.zeros_like(mean)

    def picture(state, z, labels):
        return decode(z).reshape(-1, *SHAPE)

    return Family(lambda key: None, lambda *args: None, encode=code, decode=picture)


def evaluate(family, corruption="gaussian", level=0.3, images=GREY, **overrides):
    loss = {"loss.corruption": corruption, "loss.corruption_level": level}
    return denoising.evaluate(toy.model(family, toy.split(images), **loss, **overrides))


def test_a_model_that_returns_its_input_gains_nothing():
    result = evaluate(family(lambda x: x))
    tried = {name.split("/")[0] for name in result.values}
    levels = ("0.1", "0.25", "0.3", "0.5")
    assert tried == {f"{kind}_{level}" for kind in CORRUPTIONS for level in levels}
    for name in tried:
        denoised = result.values[f"{name}/psnr_denoised"]
        assert denoised == pytest.approx(result.values[f"{name}/psnr_corrupted"], abs=1e-4)
    assert result.values.keys() == result.units.keys()


def test_gaussian_noise_has_the_psnr_of_its_variance():
    values = evaluate(family(lambda x: x), images=DIM).values
    for level in (0.1, 0.25):
        expected = 10 * np.log10(2**2 / level**2)
        assert values[f"gaussian_{level}/psnr_corrupted"] == pytest.approx(expected, abs=0.05)


def test_what_noise_takes_below_black_is_no_gain_of_a_model():
    result = evaluate(family(lambda x: x), images=np.zeros((200, *SHAPE), np.uint8))
    for level in (0.1, 0.25, 0.3, 0.5):
        expected = 10 * np.log10(2**2 / (level**2 / 2))
        assert result.values[f"gaussian_{level}/psnr_corrupted"] == pytest.approx(expected, abs=0.1)
    assert result.verdict.startswith("No denoiser")


def test_masking_has_the_psnr_of_the_pixels_it_hides():
    images = np.full((200, *SHAPE), 255, np.uint8)  # hidden pixels are 2 off
    values = evaluate(family(lambda x: x), images=images).values
    for level in (0.1, 0.25, 0.5):
        expected = 10 * np.log10(1 / level)
        assert values[f"masking_{level}/psnr_corrupted"] == pytest.approx(expected, abs=0.2)


def test_the_right_answer_is_worth_the_most_there_is():
    white = np.full((30, *SHAPE), 255, np.uint8)
    result = evaluate(family(lambda x: jnp.ones_like(x)), "masking", 0.5, white)
    assert result.values["masking_0.5/psnr_denoised"] == elbo.MOST_PSNR
    assert result.verdict.startswith("Denoises: ")
    assert "masking_0.5" in result.verdict


def test_the_best_linear_denoiser_of_white_noise_gains_what_wiener_says():
    variance, level = np.var(DIM / 127.5), 0.25
    shrink = variance / (variance + level**2)
    values = evaluate(family(lambda x: shrink * x), level=level, images=DIM).values
    expected = 10 * np.log10(4 / (variance * level**2 / (variance + level**2)))
    assert values["gaussian_0.25/psnr_denoised"] == pytest.approx(expected, abs=0.05)


def test_a_model_that_destroys_its_input_is_no_denoiser():
    verdict = evaluate(family(lambda x: x, lambda z: -z)).verdict
    assert verdict.startswith("No denoiser")


def test_the_report_gets_clean_corrupted_and_denoised_pictures():
    result = evaluate(family(lambda x: x), "masking", 0.4)
    pictures = result.arrays["denoise"]
    assert pictures.shape == (3, 3, denoising.SHOWN, *SHAPE)
    assert pictures.dtype == np.uint8
    names = ["gaussian 0.4", "masking 0.4", "salt and pepper 0.4"]
    assert result.arrays["denoise_names"].tolist() == names
    for clean, corrupted, denoised in pictures:
        np.testing.assert_array_equal(clean, GREY[: denoising.SHOWN])
        np.testing.assert_array_equal(corrupted, denoised)
    hidden = pictures[1, 1] != pictures[1, 0]
    assert np.all(pictures[1, 1][hidden] == 0)
    assert hidden.mean() == pytest.approx(0.4, abs=0.03)


def test_fractions_of_pixels_end_at_one():
    result = evaluate(family(lambda x: x), "gaussian", 1.5)
    assert {"gaussian_1.5/psnr_corrupted", "masking_1/psnr_corrupted"} <= result.values.keys()
    assert result.arrays["denoise_names"].tolist()[1] == "masking 1"


def test_noise_does_not_depend_on_the_block():
    small = evaluate(family(lambda x: x))
    large = evaluate(family(lambda x: x), **{"eval.batch_size": 30})
    assert small.values == pytest.approx(large.values, rel=1e-6)
    np.testing.assert_array_equal(small.arrays["denoise"], large.arrays["denoise"])


def test_only_denoisers_are_asked():
    assert evaluate(family(lambda x: x), "none") is None
