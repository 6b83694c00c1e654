"""What reconstruction costs without a network: the mean image, and PCA with as many components."""

from collections.abc import Iterator

import numpy as np
from absl import logging
from threadpoolctl import threadpool_limits

from gen_jax.data.spec import Split
from gen_jax.evals.model import Model, Result

BLOCK = 5000
MOST_PIXELS = 6144
"""Values an image may have for PCA: the covariance is dense, its decomposition cubic."""


def evaluate(model: Model) -> Result:
    """Test MSE (mean over pixels, [-1, 1]) of the mean training image and of PCA.

    Both are fitted to the training images in float64 moments; PCA projects onto the leading
    `z_dim` eigenvectors of their covariance. It needs no label, which a conditional model has.
    """
    # What BLAS sums up must not depend on the cores it finds.
    with threadpool_limits(limits=1, user_api="blas"):
        return _measured(model)


def _measured(model: Model) -> Result:
    train, test, z_dim = model.train, model.test, model.config.z_dim
    size = int(np.prod(train.spec.shape))
    components = min(z_dim, size) if size <= MOST_PIXELS else 0
    if components:
        mean, covariance = moments(model, train)
        _, vectors = np.linalg.eigh(covariance)  # ascending eigenvalues
        basis = vectors[:, size - components :]
    else:
        logging.info("No PCA for images of %d values (more than %d).", size, MOST_PIXELS)
        mean, basis = mean_image(model, train), np.zeros((size, 0))
    around_mean, beyond_basis = 0.0, 0.0
    for images in _flat_blocks(model, test):
        centred = images - mean
        total = np.sum(np.square(centred))
        around_mean += total
        beyond_basis += total - np.sum(np.square(centred @ basis))
    pixels = len(test) * size
    values = {"mean_image_mse": around_mean / pixels}
    if components:
        values[f"pca_{components}_mse"] = beyond_basis / pixels
    return Result(
        values=values,
        units={
            "mean_image_mse": "mean over pixels on [-1, 1]",
            f"pca_{components}_mse": f"mean over pixels on [-1, 1], {components} components",
        },
        protocol={"fitted_to": "train", "num_train": len(train), "num_test": len(test)},
    )


def mean_image(model: Model, split: Split) -> np.ndarray:
    """Mean [d] of the flattened images as the model sees them, float64."""
    return sum(images.sum(axis=0) for images in _flat_blocks(model, split)) / len(split)


def moments(model: Model, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and covariance [d, d] of the flattened images as the model sees them, float64."""
    size = int(np.prod(split.spec.shape))
    total, outer = np.zeros(size), np.zeros((size, size))
    for images in _flat_blocks(model, split):
        total += images.sum(axis=0)
        # One block's products fit float32 well; blocks are added in float64.
        block = images.astype(np.float32)
        outer += block.T @ block
    mean = total / len(split)
    return mean, outer / len(split) - np.outer(mean, mean)


def _flat_blocks(model: Model, split: Split) -> Iterator[np.ndarray]:
    for start in range(0, len(split), BLOCK):
        indices = np.arange(start, min(start + BLOCK, len(split)))
        images = model.observed(split, indices)["image"]
        yield images.reshape(len(images), -1).astype(np.float64)
