"""Prior samples against real images: sharpness, and spread within and between classes."""

import numpy as np
from jaxtyping import Float

from gen_jax.evals.model import Model, Result
from gen_jax.evals.reconstruction import PIXELS

_RELATIVE = "ratio to real test images"
UNITS = {
    "sharpness_samples": f"Laplacian energy of prior samples, {_RELATIVE}",
    "sharpness_reconstructions": f"Laplacian energy of reconstructions, {_RELATIVE}",
    "variance": f"pixel variance of prior samples, {_RELATIVE}",
    "variance_within_class": f"pixel variance around the class mean, {_RELATIVE}",
    "variance_between_classes": f"pixel variance of class means, {_RELATIVE}",
    "real_laplacian_energy": "mean squared Laplacian of luminance, [-1, 1]",
}


def evaluate(model: Model) -> Result | None:
    """Laplacian energy and variance of prior samples, each relative to real test images.

    The variance of a conditional model is also split into that within and that between classes.

    As many samples as `eval.samples` (or test images, if fewer), with the labels of the first test
    images, against those very images; reconstructions of them beside, where the family has any.

    None for points in the plane, which are neither sharp nor blurred.
    """
    if model.test.spec.modes:
        return None
    count = min(model.config.eval.samples, len(model.test))
    batch = model.observed(model.test, np.arange(count))
    real, labels = batch["image"], batch["label"]
    fake = model.sample(labels)
    energy = sharpness(real)
    if not energy or count < 2:  # there is nothing to be sharp, or to vary
        return None
    values = {"sharpness_samples": sharpness(fake) / energy}
    if model.family.encode is not None and model.family.decode is not None:
        near = model.decode(model.encode(count)[0], labels)
        values["sharpness_reconstructions"] = sharpness(near) / energy
    if np.any(real != real[:1]):  # a variance of images all alike is not 0 but rounding
        values["variance"] = float(fake.var(axis=0).mean() / real.var(axis=0).mean())
    values["real_laplacian_energy"] = energy
    binarise = model.config.loss.binarise
    if model.config.conditional:
        real_within, real_between = class_variances(real, labels)
        within, between = class_variances(fake, labels)
        if real_within > 0:
            values["variance_within_class"] = within / real_within
        if real_between > 0:  # not with one class, or too few images a class to tell means apart
            values["variance_between_classes"] = between / real_between
    return Result(
        values=values,
        units={
            name: f"{UNITS[name]}; {PIXELS[binarise]}" if binarise != "none" else UNITS[name]
            for name in values
        },
        protocol={
            "split": "test",
            "num_examples": count,
            "seed": model.config.seed,
            "laplacian": "4 neighbours, valid pixels, channel mean",
        },
    )


def sharpness(images: Float[np.ndarray, "n h w c"]) -> float:
    """Mean squared 4-neighbour Laplacian of the channel mean, over interior pixels."""
    gray = images.astype(np.float64).mean(axis=-1)
    around = gray[:, :-2, 1:-1] + gray[:, 2:, 1:-1] + gray[:, 1:-1, :-2] + gray[:, 1:-1, 2:]
    return float(np.mean(np.square(4 * gray[:, 1:-1, 1:-1] - around)))


def class_variances(
    images: Float[np.ndarray, "n h w c"], labels: np.ndarray
) -> tuple[float, float]:
    """Mean over pixels of the variance within classes and of that between their means.

    Unbiased within; the between part is corrected for the noise of the means, so that it is near
    zero for pictures that ignore their label. Classes with one picture count towards neither; NaN
    within without a class of two, between without two such classes.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    groups = [flat[labels == label] for label in np.unique(labels)]
    groups = [group for group in groups if len(group) > 1]
    within = np.array([group.var(axis=0, ddof=1).mean() for group in groups])
    if len(groups) < 2:
        return float(within[0]) if groups else float("nan"), float("nan")
    noise = np.mean([w / len(group) for w, group in zip(within, groups, strict=True)])
    means = np.stack([group.mean(axis=0) for group in groups])
    return float(within.mean()), float(means.var(axis=0, ddof=1).mean() - noise)
