"""Reconstruction of the test set, and every term of the objective there."""

from gen_jax.evals.model import Model, Result

UNITS = {
    "mse": "mean over pixels on [-1, 1], posterior mean decoded",
    "psnr": "dB, mean over images, peak to peak 2",
    "kl": "nats per image, summed over latent dimensions",
    "loss/reconstruction": "weighted and reduced as in the config, z drawn from the posterior",
    "loss/kl": "weighted and reduced as in the config",
    "loss/adversarial": "before lambda; reconstructions, and prior samples at their weight",
    "loss/discriminator": "real + mean of reconstructions and prior samples",
    "loss/features": "weighted, pairs of image and reconstruction",
    "loss/classifier": "weighted, pairs of image and reconstruction",
    "loss/cross_entropy": "nats, real images",
    "d/real": "mean logit",
    "d/reconstructed": "mean logit",
    "d/prior": "mean logit",
}


def evaluate(model: Model, count: int | None = None) -> Result:
    """Means over the first `count` test images (default: all) of `Family.metrics`."""
    metrics = model.metrics(count or len(model.test))
    metrics = {name: metrics[name] for name in [*UNITS, *metrics] if name in metrics}
    examples = len(next(iter(metrics.values())))
    return Result(
        values={name: float(value.mean()) for name, value in metrics.items()},
        units={name: UNITS.get(name, "") for name in metrics},
        protocol={"split": "test", "num_examples": examples, "seed": model.config.seed},
    )
