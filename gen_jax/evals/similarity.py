"""How alike pictures are to the eye: reconstructions to their images, samples to one another."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gen_jax import features
from gen_jax.evals.model import Model, Result
from gen_jax.evals.namer import STACKED
from gen_jax.features import judge
from gen_jax.features.network import Features
from gen_jax.metrics import diversity
from gen_jax.metrics.similarity import WINDOW, ssim

RANGE = 2.0
"""Largest value of a pixel for SSIM, of which black is 0."""

UNITS = {
    "ssim": "mean over images, test image and decoded posterior mean; 1 for equals",
    "feature_distance": "test image and decoded posterior mean, squared distance of normalised "
    "feature maps, summed over layers (LPIPS without its weights)",
    "ms_ssim": "mean over random pairs of samples; 1 where all are one picture",
    "ms_ssim_real": "the same of test images",
    "ms_ssim_within": "mean over random pairs of samples of one class, mean over classes",
    "ms_ssim_within_real": "the same of test images",
}


def evaluate(model: Model) -> Result | None:
    """SSIM of the first `eval.samples` test images' reconstructions; MS-SSIM of pairs of samples.

    SSIM and MS-SSIM are of pictures as they are seen: clipped to [-1, 1], and from black as 0 up.
    The distance of features (Zhang et al. 2018, eq. 1, every channel weighing the same) is seen
    through `eval.classifier`, where there is one.

    None for points in the plane, for images smaller than SSIM's window, and for families that
    neither reconstruct nor sample.
    """
    family, spec = model.family, model.test.spec
    count = min(model.config.eval.samples, len(model.test))
    if spec.modes or min(spec.shape[:2]) < WINDOW or count < 2:
        return None
    batch = model.observed(model.test, np.arange(count))
    images, labels, seed = batch["image"], batch["label"], model.config.seed
    values: dict[str, float] = {}
    errors: dict[str, float] = {}
    protocol: dict[str, Any] = {"split": "test", "num_examples": count, "seed": seed}
    protocol["ssim_values"] = [0.0, RANGE]
    protocol["binarise"] = model.config.loss.binarise  # as the images are that the model sees
    if family.encode is not None and family.decode is not None:
        near = model.decode(model.encode(count)[0], labels)
        each = {"ssim": ssim(_seen(images), _seen(near), RANGE)}
        if path := (spec.name != STACKED and model.config.eval.classifier):
            net = features.load("classifier", path, (), spec.shape)
            judge.refuse_own(net.digest, model.config)
            each["feature_distance"] = _distance(net, images, near, model.config.eval.batch_size)
            looking = {"weights_sha256": net.digest, "layers": list(net.layers)}
            protocol["of"] = {"feature_distance": looking}
        for name, value in each.items():
            values[name] = float(value.mean())
            errors[name] = float(value.std(ddof=1) / np.sqrt(len(value)))
    if family.sample is not None:
        known = np.isin(labels, model.trained_classes())
        sides = {"_real": (images[known], labels[known])}
        if known.any():
            asked = np.resize(labels[known], count)
            sides[""] = (model.sample(asked), asked)
        for suffix, (pictures, of) in sides.items():
            for name, within in (("ms_ssim", None), ("ms_ssim_within", of)):
                told = model.config.conditional or within is None
                # Without two pictures, of one class if within classes, there is no pair.
                if told and len(of) and (len(of) if within is None else np.bincount(of).max()) > 1:
                    found = diversity.pair_ms_ssim(_seen(pictures), RANGE, seed, within)
                    values[name + suffix], errors[name + suffix] = found.value, found.error
    if not values:
        return None
    values = {name: values[name] for name in UNITS if name in values}
    return Result(values, {name: UNITS[name] for name in values}, protocol, errors=errors)


def _seen(images: np.ndarray) -> np.ndarray:
    """Images on [-1, 1] as on [0, RANGE], what lies outside clipped."""
    return np.clip(images, -1.0, 1.0) + 1.0


def _distance(net: Features, images: np.ndarray, near: np.ndarray, size: int) -> np.ndarray:
    """Of each pair, the mean over positions of its normalised maps' squared distance, [n]."""

    @jax.jit
    def distance(x: Float[Array, "n h w c"], y: Float[Array, "n h w c"]) -> Float[Array, "n"]:
        pairs = zip(net.apply(x), net.apply(y), strict=True)
        each = [
            jnp.mean(jnp.sum(jnp.square(_unit(a) - _unit(b)), axis=-1), axis=(1, 2))
            for a, b in pairs
        ]
        return jnp.sum(jnp.stack(each), axis=0)

    blocks = [slice(start, start + size) for start in range(0, len(images), size)]
    parts = [np.asarray(distance(images[block], near[block])) for block in blocks]
    return np.concatenate(parts).astype(np.float64)


def _unit(maps: Float[Array, "n i j d"]) -> Float[Array, "n i j d"]:
    """Every position's features over their length."""
    squares = jnp.sum(jnp.square(maps), axis=-1, keepdims=True)
    return maps * jax.lax.rsqrt(squares + 1e-10)
