"""Reconstruction of the test set, and every term of the objective there."""

from typing import Any

from ml_collections import ConfigDict

from gen_jax.evals.discrimination import judged
from gen_jax.evals.model import Model, Result
from gen_jax.families.gan_options import looks_across

UNITS = {
    "mse": "mean over pixels on [-1, 1], posterior mean decoded",
    "psnr": "dB, mean over images, peak to peak 2",
    "kl": "nats per image, summed over latent dimensions",
    "elbo": "nats per image, log p(x | z) - KL, both unweighted, z drawn from the posterior",
    "log_px": "nats per image, log p(x | z), z drawn from the posterior",
    "bits_per_dim": "bits per pixel and channel, of 8-bit values, from the ELBO",
    "accuracy": "fraction of images",
    "cross_entropy": "nats per image",
    "loss/total": "the objective, weighted and reduced as in the config",
    "loss/reconstruction": "as in the config, z drawn; a VAE's is -log p(x | z), constants and all",
    "loss/kl": "weighted and reduced as in the config",
    "loss/adversarial": "before lambda; reconstructions, and prior samples at their weight",
    "loss/discriminator": "real + mean of reconstructions and prior samples",
    "loss/features": "weighted, pairs of image and reconstruction",
    "loss/classifier": "weighted, pairs of image and reconstruction",
    "loss/perceptual": "weighted, image and reconstruction",
    "loss/cross_entropy": "nats, real images",
    "d/real": "mean logit",
    "d/reconstructed": "mean logit",
    "d/prior": "mean logit",
}

PIXELS = {
    "none": "grey pixels",
    "threshold": "pixels binarised at 0.5",
    "dynamic": "pixels binarised at random, with their brightness as probability",
}
"""What a likelihood is of, by `loss.binarise`: figures under one do not compare with another's."""


LIKELIHOODS = ("elbo", "log_px", "bits_per_dim")
JUDGED = ("loss/total", "loss/adversarial", "loss/discriminator", "loss/features")
"""Beside the logits, what a discriminator has a say in."""


def corrupted(loss: ConfigDict) -> dict[str, Any]:
    """What of a protocol says that `Family.metrics` saw corrupted input; nothing where it did not.

    A model that is trained to denoise encodes corrupted images there, other evaluations clean ones.
    """
    if loss.corruption == "none":
        return {}
    return {"corruption": loss.corruption, "corruption_level": loss.corruption_level}


def evaluate(model: Model, count: int | None = None) -> Result | None:
    """Means over the first `count` test images (default: all) of `Family.metrics`.

    Numbers compare only of the same pixels, likelihoods and losses only under the same likelihood:
    the protocol names both. A discriminator that looks across images is shown as many at a time as
    in training: what it has a say in is of whole batches, an incomplete last one left out. None for
    a GAN, which reconstructs nothing and has its terms in `discrimination`.
    """
    if judged(model):
        return None
    count = min(count or len(model.test), len(model.test))
    size = min(model.config.batch_size, count) if looks_across(model.config) else None
    metrics = model.metrics(count, size)
    across = {}
    if size and "d/real" in metrics:
        of_judge = [name for name in metrics if name in JUDGED or name.startswith("d/")]
        across = dict.fromkeys(of_judge, count - count % size)
    metrics = {name: metrics[name] for name in [*UNITS, *metrics] if name in metrics}
    loss = model.config.loss
    family = model.config.family
    objective = {"likelihood": loss.likelihood} if family == "vae" else {"objective": family}
    own = [name for name in metrics if name in LIKELIHOODS or name.startswith("loss/")]
    of: dict[str, dict[str, Any]] = dict.fromkeys(own, objective)
    for name, whole in across.items():
        of[name] = of.get(name, {}) | {"judged_together": size, "num_examples": whole}
    units = {name: UNITS.get(name, "") for name in metrics}
    for name in {"elbo", "log_px"} & units.keys():
        units[name] += f"; {PIXELS[loss.binarise]}"
    if loss.corruption != "none":
        units = {name: f"{unit}; of corrupted input" for name, unit in units.items()}
    return Result(
        values={name: float(value[: across.get(name)].mean()) for name, value in metrics.items()},
        units=units,
        protocol={
            "split": "test",
            "num_examples": count,
            "seed": model.config.seed,
            "binarise": loss.binarise,
            "of": of,
            **corrupted(loss),
        },
    )
