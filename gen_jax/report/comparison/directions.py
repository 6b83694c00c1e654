"""Which numbers are better low and which high; of all others a comparison names no winner.

A number that is best at some value between, such as a ratio to real images, has no direction, nor
has a loss, whose weights are its own config's.
"""

import re
from fnmatch import fnmatchcase
from typing import Literal

Direction = Literal["lower", "higher"]

_LOWER = (
    "mse",
    "fid",
    "fid_infinity",
    "fd",
    "fd_infinity",
    "kid",
    "kd",
    "nll",
    "bits_per_dim",
    "feature_distance",
    "inversion_mse",
    "class_tv",
    "cross_entropy",
    "d_ece",
    "duplicates",
    "swing",
    "spikes",
    "fluctuation",
    "diseases",
)
_HIGHER = (
    "psnr",
    "*/psnr_denoised",
    "inversion_psnr",
    "ssim",
    "elbo",
    "elbo_same",
    "accuracy",
    "probe_accuracy",
    "svm_accuracy",
    "cas",
    "is",
    "precision",
    "recall",
    "density",
    "coverage",
    "modes_found",
    "high_quality",
    "classes_found",
    "class_agreement",
    "higgins",
    "factor_vae",
    "mig",
    "sap",
    "dci_*",
    "auroc*",
    "aupr*",
    "stability",
)
_TAP = re.compile(r"_(64|192|768|2048|classifier)$")
"""The features that a metric looks at, in its name: they do not decide on its direction."""


def direction(quantity: str) -> Direction | None:
    """Whether less or more of a quantity is better; None where that is not known."""
    plain = _TAP.sub("", quantity)
    if any(fnmatchcase(plain, pattern) for pattern in _LOWER):
        return "lower"
    if any(fnmatchcase(plain, pattern) for pattern in _HIGHER):
        return "higher"
    return None
