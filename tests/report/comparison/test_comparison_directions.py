"""Of which numbers less is better, of which more, and of which neither."""

import pytest

from gen_jax.report.comparison.directions import direction


@pytest.mark.parametrize(
    ("quantity", "sense"),
    [
        ("mse", "lower"),
        ("fid", "lower"),
        ("fid_768", "lower"),
        ("fd_infinity_classifier", "lower"),
        ("feature_distance", "lower"),
        ("kid", "lower"),
        ("class_tv", "lower"),
        ("nll", "lower"),
        ("psnr", "higher"),
        ("elbo", "higher"),
        ("probe_accuracy", "higher"),
        ("recall_classifier", "higher"),
        ("is", "higher"),
        ("gaussian_0.5/psnr_denoised", "higher"),
        ("auroc_elbo/dog", "higher"),
        ("floor/fid", None),
        ("ms_ssim", None),
        ("mean_image_mse", None),
        ("pca_20_mse", None),
        ("pca/mig", None),
        ("gaussian_0.5/psnr_corrupted", None),
        ("kl", None),
        ("d_auc", None),
        ("chance", None),
        ("unheard_of", None),
    ],
)
def test_directions(quantity, sense):
    assert direction(quantity) == sense
