"""SSIM and its kin against a direct loop over windows, closed forms and known geometry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.errors import UserError
from gen_jax.metrics import similarity
from gen_jax.metrics.similarity import ms_ssim, scale_weights, ssim

RNG = np.random.default_rng(0)


def images(count=2, height=14, width=17, channels=2, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), np.uint8)


def window():
    """The 11 x 11 Gaussian as a table, from its definition."""
    table = np.empty((11, 11))
    for i in range(11):
        for j in range(11):
            table[i, j] = np.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2))
    return table / table.sum()


def looped(x, y, data_range):
    """Mean of SSIM, and of its contrast and structure alone, of one channel [h, w]."""
    weights, c1, c2 = window(), (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    whole, contrast = [], []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = (z[i : i + 11, j : j + 11].astype(np.float64) for z in (x, y))
            mean_a, mean_b = np.sum(weights * a), np.sum(weights * b)
            var_a = np.sum(weights * (a - mean_a) ** 2)
            var_b = np.sum(weights * (b - mean_b) ** 2)
            shared = np.sum(weights * (a - mean_a) * (b - mean_b))
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            contrast.append((2 * shared + c2) / (var_a + var_b + c2))
            whole.append(luminance * contrast[-1])
    return np.mean(whole), np.mean(contrast)


def blended(share, seed=0, **shape):
    x, noise = (images(seed=seed + i, **shape).astype(np.float64) for i in (0, 1))
    return x, (1 - share) * x + share * noise


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_ssim_is_that_of_a_loop_over_windows(share):
    x, y = blended(share)
    expected = [np.mean([looped(a[..., c], b[..., c], 255)[0] for c in range(2)])
                for a, b in zip(x, y, strict=True)]  # fmt: skip
    np.testing.assert_allclose(ssim(x, y, 255), expected, rtol=1e-9)


def test_ms_ssim_is_the_product_over_scales():
    x, y = blended(0.3, count=1, height=22, width=23, channels=1)
    coarse = []
    for z in (x, y):
        # A last odd column is its own neighbour.
        z = np.concatenate([z, z[:, :, -1:]], axis=2)[0, ..., 0]
        coarse.append((z[::2, ::2] + z[1::2, ::2] + z[::2, 1::2] + z[1::2, 1::2]) / 4)
    fine = looped(x[0, ..., 0], y[0, ..., 0], 255)[1]
    first, second = 0.0448 / 0.3304, 0.2856 / 0.3304
    found = ms_ssim(x, y, 255)
    assert found.weights == pytest.approx((first, second))
    expected = fine**first * looped(*coarse, 255)[0] ** second
    np.testing.assert_allclose(found.values, [expected], rtol=1e-9)


def test_channels_are_averaged():
    x, y = blended(0.4, count=1, height=24, width=24, channels=3)
    for measure in (ssim, lambda *args: ms_ssim(*args).values):
        apart = [measure(x[..., c : c + 1], y[..., c : c + 1], 255) for c in range(3)]
        np.testing.assert_allclose(measure(x, y, 255), np.mean(apart, axis=0), rtol=1e-12)


@given(st.integers(0, 1000), st.sampled_from([1.0, 2.0, 255.0]))
def test_equal_images_are_at_1_and_both_are_symmetric_and_bounded(seed, data_range):
    x, y = (data_range / 255 * images(height=22, width=25, seed=seed + i) for i in (0, 1))
    for measure in (ssim, lambda *args: ms_ssim(*args).values):
        np.testing.assert_allclose(measure(x, x, data_range), 1, rtol=1e-12)
        np.testing.assert_allclose(
            measure(x, y, data_range), measure(y, x, data_range), rtol=1e-9, atol=1e-12
        )
        assert np.all(np.abs(measure(x, y, data_range)) < 0.9)
        # In other units, with another range, it is the same.
        np.testing.assert_allclose(
            measure(3 * x, 3 * y, 3 * data_range), measure(x, y, data_range), rtol=1e-9, atol=1e-12
        )


def test_constant_images_differ_in_luminance_alone():
    dark, light = np.full((1, 41, 41, 1), 50.0), np.full((1, 41, 41, 1), 100.0)
    c1 = 2.55**2
    expected = (2 * 50 * 100 + c1) / (50**2 + 100**2 + c1)
    np.testing.assert_allclose(ssim(dark, light, 255), expected)
    found = ms_ssim(dark, light, 255)
    np.testing.assert_allclose(found.values, expected ** found.weights[-1])


def test_negative_similarity_counts_as_0_where_a_power_is_taken():
    x = images()
    assert ssim(x, 255 - x, 255).max() < 0
    np.testing.assert_array_equal(ms_ssim(x, 255 - x, 255).values, 0)
    # Here the fine scale alone is opposite: means of 2 x 2 pixels leave nothing of it.
    checks = np.indices((24, 24)).sum(axis=0).reshape(1, 24, 24, 1) % 2 - 0.5
    np.testing.assert_array_equal(ms_ssim(100 + 50 * checks, 100 - 50 * checks, 255).values, 0)


def test_values_below_black_are_refused():
    x = images() / 255
    for measure in (ssim, ms_ssim):
        for pair in ((x - 0.5, x), (x, x - 0.5)):
            with pytest.raises(UserError, match=r"from 0 \(black\) up, and there is one of -0\.5"):
                measure(*pair, 1)


@pytest.mark.parametrize(
    ("side", "scales"),
    [(11, 1), (20, 1), (21, 2), (28, 2), (32, 2), (40, 2), (41, 3), (64, 3), (80, 3), (81, 4),
     (128, 4), (160, 4), (161, 5), (1024, 5)],
)  # fmt: skip
def test_there_are_as_many_scales_as_have_room(side, scales):
    weights = scale_weights(side)
    assert len(weights) == scales
    assert sum(weights) == pytest.approx(1)
    np.testing.assert_allclose(np.divide(weights, weights[0]), np.divide(
        similarity.WEIGHTS[:scales], similarity.WEIGHTS[0]))  # fmt: skip
    if scales == 5:
        assert weights == pytest.approx(similarity.WEIGHTS, abs=1e-4)
    x = np.zeros((1, side, 200, 1)) if side < 200 else np.zeros((1, side, side, 1))
    assert ms_ssim(x, x, 1).weights == weights


def test_blocks_do_not_show(monkeypatch):
    x, y = blended(0.5, count=7, height=23, width=21)
    measures = (ssim, lambda *args: ms_ssim(*args).values)
    whole = [measure(x, y, 255) for measure in measures]
    monkeypatch.setattr(similarity, "VALUES", 1)
    for measure, expected in zip(measures, whole, strict=True):
        np.testing.assert_array_equal(measure(x, y, 255), expected)


def test_what_cannot_be_compared_is_refused():
    x = images(height=10)
    for measure in (ssim, ms_ssim):
        with pytest.raises(UserError, match="11 x 11 pixels or more; these have a side of 10"):
            measure(x, x, 255)
    for measure in (ssim, ms_ssim):
        with pytest.raises(UserError, match="cannot be compared"):
            measure(images(2), images(3), 255)
        with pytest.raises(UserError, match="cannot be compared"):
            measure(images()[..., 0], images()[..., 0], 255)
