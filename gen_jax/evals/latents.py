"""Is the latent space used? Active units, KL per dimension, and a verdict on posterior collapse."""

import numpy as np

from gen_jax.evals.model import Model, Result

ACTIVE_VARIANCE = 0.01
"""A unit whose posterior mean varies more than this over x is active (Burda et al. 2016)."""


def evaluate(model: Model) -> Result:
    """Active units and KL per dimension over the whole test set.

    The encoder sees the label, so a unit counts as active only for what it says beyond it. The
    verdict is "collapsed" when at most one unit in a hundred is active or the KL is below one nat:
    then z says next to nothing about x, and the decoder draws from its label alone.
    """
    labels = model.test.gather(np.arange(len(model.test)))["label"]
    mean, logvar = model.encode(len(model.test))
    mean, logvar = mean.astype(np.float64), logvar.astype(np.float64)
    kl = 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).mean(axis=0)
    variance = mean.var(axis=0)
    within = within_class_variance(mean, labels)
    dims, active = len(variance), int(np.sum(within > ACTIVE_VARIANCE))
    total = float(kl.sum())
    return Result(
        values={
            "active_units": float(active),
            "active_units_pooled": float(np.sum(variance > ACTIVE_VARIANCE)),
            "latent_dimensions": float(dims),
            "kl": total,
            "kl_largest_dimension": float(kl.max()),
            "kl_smallest_dimension": float(kl.min()),
            "aggregate_variance": float((variance + np.exp(logvar).mean(axis=0)).mean()),
        },
        units={
            "active_units": f"units whose mean varies by more than {ACTIVE_VARIANCE} in a class",
            "active_units_pooled": "the same over all classes, label included",
            "latent_dimensions": "units",
            "kl": "nats per image",
            "kl_largest_dimension": "nats per image",
            "kl_smallest_dimension": "nats per image",
            "aggregate_variance": "of z over posterior and test set, mean over units; prior: 1",
        },
        protocol={"split": "test", "num_examples": len(mean)},
        verdict=verdict(active, dims, total),
    )


def within_class_variance(mean: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Variance [Z] of posterior means [n, Z] around their class mean: what the label leaves."""
    classes, positions = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(classes), mean.shape[1]))
    np.add.at(sums, positions, mean)
    centred = mean - (sums / np.bincount(positions)[:, None])[positions]
    return np.square(centred).sum(axis=0) / max(len(mean) - len(classes), 1)


def verdict(active: int, dims: int, kl: float) -> str:
    """The sentence on collapse that these numbers carry."""
    numbers = (
        f"{active} of {dims} latent dimensions are active and the KL is {kl:.3g} nats an image"
    )
    if active <= 0.01 * dims or kl < 1:
        return f"Posterior collapsed: {numbers}; z carries next to nothing about the image."
    if active < 0.5 * dims:
        return f"Posterior partly collapsed: {numbers}."
    return f"Posterior in use: {numbers}."
