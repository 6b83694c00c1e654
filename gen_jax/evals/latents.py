"""Is the latent space used? Active units, KL and its parts, and a verdict on posterior collapse."""

import jax
import numpy as np

from gen_jax.evals.model import Model, Result
from gen_jax.losses.elbo import ACTIVE_VARIANCE

MIXTURE = 2000
"""Most test images whose posteriors make up the aggregated posterior."""


def evaluate(model: Model) -> Result:
    """Active units and KL per dimension over the whole test set; mutual information of x and z.

    Under a conditional model a unit counts as active only for what it says beyond the label, which
    the encoder sees. The verdict is "collapsed" when at most one unit in a hundred is active or the
    KL is below one nat: then z says next to nothing about x, and the decoder draws from its label
    alone. `kl_per_dimension` [Z] goes to the report.

    The code of an autoencoder is a point: it has a variance over images, and no KL.
    """
    labels = model.test.labels
    mean, logvar = model.encode(len(model.test))
    mean, logvar = mean.astype(np.float64), logvar.astype(np.float64)
    protocol = {"split": "test", "num_examples": len(mean)}
    variance = mean.var(axis=0)
    told = model.config.conditional
    spread = within_class_variance(mean, labels) if told else variance
    active = int(np.sum(spread > ACTIVE_VARIANCE))
    where = "in a class" if told else "over images"
    units = {
        "active_units": f"units whose mean varies by more than {ACTIVE_VARIANCE} {where}",
        "active_units_pooled": "the same over all classes, label included",
        "latent_dimensions": "units",
    }
    values = {"active_units": float(active), "latent_dimensions": float(len(variance))}
    if told:
        values["active_units_pooled"] = float(np.sum(variance > ACTIVE_VARIANCE))
    if np.isneginf(logvar).any():
        values["code_variance"] = float(variance.mean())
        units["code_variance"] = "of the code over the test set, mean over units"
        numbers = f"{active} of {len(variance)} latent dimensions are active"
        units = {name: units[name] for name in values}
        return Result(values, units, protocol, f"Deterministic code, an autoencoder's: {numbers}.")
    kl = kl_standard_normal(mean, logvar)
    per_dimension = kl.mean(axis=0)
    total = float(per_dimension.sum())
    mixture = slice(min(MIXTURE, len(mean)))
    z = mean[mixture] + np.exp(0.5 * logvar[mixture]) * noise(model, mean[mixture].shape)
    information = mutual_information(z, mean[mixture], logvar[mixture])
    values |= {
        "kl": total,
        "kl_largest_dimension": float(per_dimension.max()),
        "kl_smallest_dimension": float(per_dimension.min()),
        "aggregate_variance": float((variance + np.exp(logvar).mean(axis=0)).mean()),
        "mutual_information": information,
    }
    if information < np.log(len(z)) - 1:
        # Nearer to its ceiling the information is too small, and what is left of the KL too large.
        values["marginal_kl"] = float(kl[mixture].sum(axis=1).mean()) - information
    at_most = f"at most log {len(z)} = {np.log(len(z)):.2f}"
    units |= {
        "kl": "nats per image",
        "kl_largest_dimension": "nats per image",
        "kl_smallest_dimension": "nats per image",
        "aggregate_variance": "of z over posterior and test set, mean over units; prior: 1",
        "mutual_information": f"nats, of z and the image's index, {at_most}",
        "marginal_kl": "nats, of the aggregated posterior to the prior: KL less information",
    }
    return Result(
        values=values,
        units={name: units[name] for name in values},
        protocol=protocol | {"mixture_examples": len(z), "seed": model.config.seed},
        verdict=verdict(active, len(variance), total),
        arrays={"kl_per_dimension": per_dimension.astype(np.float32)},
    )


def kl_standard_normal(mean: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """KL(N(mean, exp(logvar)) || N(0, 1)) of every entry, float64, nats."""
    return 0.5 * (mean**2 + np.exp(logvar) - logvar - 1)


def noise(model: Model, shape: tuple[int, int]) -> np.ndarray:
    """Standard normal [n, Z]; row i from the "information" key of example i."""
    draw = jax.vmap(lambda key: jax.random.normal(key, shape[1:]))
    return np.asarray(draw(model.keys("information", np.arange(shape[0]))), np.float64)


def mutual_information(z: np.ndarray, mean: np.ndarray, logvar: np.ndarray) -> float:
    """I_q(i; z) of n images, nats: mean of log q(z_i | x_i) - log 1/n sum_j q(z_i | x_j).

    The index-code information of Hoffman & Johnson 2016, by which the mean KL to the prior is
    larger than that of the aggregated posterior, KL(q(z) || p). One z_i per posterior serves both
    logarithms, whose noise cancels for the larger part, and no estimate exceeds log n.

    Args:
      z: float64 [n, Z], row i drawn from posterior i.
      mean: posterior means, float64 [n, Z].
      logvar: logarithms of their variances, float64 [n, Z].
    """
    precision = np.exp(-logvar)
    constant = np.sum(logvar + mean**2 * precision, axis=1)
    distance = z**2 @ precision.T - 2 * z @ (mean * precision).T + constant  # [n of z, n of q]
    log_q = -0.5 * distance  # short of a constant that cancels
    return float(np.mean(np.diag(log_q) - np.logaddexp.reduce(log_q, axis=1)) + np.log(len(z)))


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
