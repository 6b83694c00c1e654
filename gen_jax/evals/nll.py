"""Importance-sampled log-likelihood: a bound on log p(x) that tightens with the number of draws."""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from gen_jax.core.state import TrainState
from gen_jax.evals.model import Model, Result
from gen_jax.evals.reconstruction import PIXELS
from gen_jax.losses import elbo

NATS_PER_BIT = float(np.log(2))


def evaluate(model: Model) -> Result | None:
    """Bounds on -log p(x) of the first `eval.nll_examples` test images (Burda et al. 2016, eq. 8).

    -log 1/k sum_j p(x, z_j) / q(z_j | x), z_j ~ q(z | x), is in expectation at least -log p(x) and
    falls with k = `eval.nll_samples`. Draw j of image i comes from `fold_in(key_i, j)` of the
    "nll" stream. "nll_curve" [m] holds the same at the k of "nll_curve_k" [m], each an average
    over disjoint groups of the same draws; its first entry, k = 1, is the negative ELBO.

    None without draws, and for a code that is a point, which has no density to weigh by.
    """
    count, draws = model.config.eval.nll_examples, model.config.eval.nll_samples
    if min(count, draws) < 1:
        return None
    likelihood, binarise = model.config.loss.likelihood, model.config.loss.binarise
    sizes = ladder(draws)
    bounds = []
    encode = model.jitted("encode")
    log_weight = jax.jit(_log_weight(model))
    for indices, batch in model.blocks(model.test, count):
        posterior = encode(model.state, batch["image"], batch["label"])
        if np.isneginf(posterior[1]).any():
            return None
        keys = model.keys("nll", indices)
        # One draw of every image of a block at a time: no more memory than any other evaluation
        # takes, and one compilation for all draws.
        stream = (log_weight(model.state, batch, posterior, keys, j) for j in range(draws))
        bounds.append(group_bounds((jax.device_get(w) for w in stream), sizes))
    nll = -np.concatenate(bounds, axis=1)
    examples = nll.shape[1]
    values = {"nll": float(nll[-1].mean()), "elbo_same": -float(nll[0].mean())}
    units = {
        "nll": f"nats per image, {draws} draws, an upper bound in expectation; {PIXELS[binarise]}",
        "elbo_same": "nats per image, the bound of one draw, averaged over the same draws",
    }
    if examples > 1:
        values["nll_standard_error"] = float(nll[-1].std(ddof=1) / np.sqrt(examples))
        units["nll_standard_error"] = "nats, of the mean over images"
    if likelihood == "logistic":
        pixels = int(np.prod(model.test.spec.shape))
        values["nll_bits_per_dim"] = values["nll"] / pixels / NATS_PER_BIT
        units["nll_bits_per_dim"] = "bits per pixel and channel, of 8-bit values"
    grey = likelihood == "bernoulli" and binarise == "none"
    caution = "Pixels are grey, not black or white: this bounds no log-likelihood."
    return Result(
        values=values,
        units=units,
        verdict=caution if grey else "",
        protocol={
            "split": "test",
            "num_examples": examples,
            "num_samples": draws,
            "seed": model.config.seed,
            "likelihood": likelihood,
            "binarise": binarise,
        },
        arrays={
            "nll_curve": nll.mean(axis=1).astype(np.float32),
            "nll_curve_k": np.array(sizes, np.int32),
        },
    )


def ladder(draws: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... below `draws`, then `draws`."""
    rungs = (step * 10**power for power in range(len(str(draws))) for step in (1, 2, 5))
    return [rung for rung in rungs if rung < draws] + [draws]


def group_bounds(log_weights: Iterable[np.ndarray], sizes: list[int]) -> np.ndarray:
    """log of the mean weight over groups of consecutive draws, averaged over groups: [m, n].

    Args:
      log_weights: log w [n] of one draw after another, each float; all are added in float64.
      sizes: draws in a group, m of them, none above the number of draws. A group that the last
        draw leaves incomplete does not count.
    """
    running: list[np.ndarray | float] = [-np.inf] * len(sizes)
    totals: list[np.ndarray | float] = [0.0] * len(sizes)
    drawn = 0
    for log_weight in log_weights:
        drawn += 1
        for m, size in enumerate(sizes):
            running[m] = np.logaddexp(running[m], np.asarray(log_weight, np.float64))
            if drawn % size == 0:
                totals[m] = totals[m] + running[m] - np.log(size)
                running[m] = -np.inf
    return np.stack([total / (drawn // size) for total, size in zip(totals, sizes, strict=True)])


def _log_weight(model: Model) -> Callable:
    """(state, batch, (mean, logvar), keys, j) -> log p(x, z) - log q(z | x) [n] of draw j."""
    log_px = model.jitted("log_px")

    def log_weight(
        state: TrainState,
        batch: dict[str, Array],
        posterior: tuple[Float[Array, "n z"], Float[Array, "n z"]],
        keys: Key[Array, "n"],
        j: Int[Array, ""],
    ) -> Float[Array, "n"]:
        mean, logvar = posterior
        draw = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, j), mean.shape[1:]))
        noise = draw(keys)
        z = elbo.reparameterise(mean, logvar, noise)
        # log N(z; 0, I) - log q(z | x), where noise is (z - mean) / sigma before z was rounded.
        ratio = 0.5 * jnp.sum(jnp.square(noise) - jnp.square(z) + logvar, axis=-1)
        return log_px(state, z, batch) + ratio

    return log_weight
