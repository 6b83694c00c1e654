"""Prior samples against real images: sharpness, and spread within and between classes."""

import numpy as np
from jaxtyping import Float

from gen_jax.data.spec import scaled
from gen_jax.evals.model import Model, Result


def evaluate(model: Model) -> Result:
    """Laplacian energy and class structure of prior samples, each relative to real test images.

    As many samples as `eval.samples` (or test images, if fewer), with the labels of the first test
    images, against those very images; reconstructions of them beside.
    """
    count = min(model.config.eval.samples, len(model.test))
    batch = model.test.gather(np.arange(count))
    real, labels = scaled(batch["image"]), batch["label"]
    fake = model.sample(labels)
    near = model.decode(model.encode(count)[0], labels)
    energy = sharpness(real)
    real_within, real_between = class_variances(real, labels)
    within, between = class_variances(fake, labels)
    relative = "ratio to real test images"
    values = {
        "sharpness_samples": sharpness(fake) / energy,
        "sharpness_reconstructions": sharpness(near) / energy,
        "variance_within_class": within / real_within,
        "real_laplacian_energy": energy,
    }
    if real_between > 0:  # not with one class, or too few images a class to tell means apart
        values["variance_between_classes"] = between / real_between
    return Result(
        values=values,
        units={
            "sharpness_samples": f"Laplacian energy of prior samples, {relative}",
            "sharpness_reconstructions": f"Laplacian energy of reconstructions, {relative}",
            "variance_within_class": f"pixel variance around the class mean, {relative}",
            "variance_between_classes": f"pixel variance of class means, {relative}",
            "real_laplacian_energy": "mean squared Laplacian of luminance, [-1, 1]",
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
    zero for pictures that ignore their label. Classes with one picture count towards neither.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    groups = [flat[labels == label] for label in np.unique(labels)]
    groups = [group for group in groups if len(group) > 1]
    if len(groups) < 2:
        return float(flat.var(axis=0, ddof=1).mean()), float("nan")
    within = np.array([group.var(axis=0, ddof=1).mean() for group in groups])
    noise = np.mean([w / len(group) for w, group in zip(within, groups, strict=True)])
    means = np.stack([group.mean(axis=0) for group in groups])
    return float(within.mean()), float(means.var(axis=0, ddof=1).mean() - noise)
