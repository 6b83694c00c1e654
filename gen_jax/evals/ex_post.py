"""Whose fault samples of a VAE are: the decoder's, or the prior's, which misses where codes lie."""

from collections.abc import Iterator

import jax
import numpy as np
from ml_collections import ConfigDict
from threadpoolctl import threadpool_limits

from gen_jax.data.spec import Split
from gen_jax.errors import UserError
from gen_jax.evals import fidelity, real_features
from gen_jax.evals import fidelity_names as names
from gen_jax.evals import fidelity_numbers as numbers
from gen_jax.evals.fidelity_numbers import Side
from gen_jax.evals.model import Model, Result, to_uint8

RECONSTRUCTIONS = "test images encoded to the posterior mean and decoded"
FITTED = "z from a Gaussian fitted to the codes of training images"
FITTED_BY_LABEL = f"{FITTED}, one covariance, around the mean of the label's"


def evaluate(model: Model) -> Result | None:
    """Distances through `eval.classifier` of reconstructions, and of pictures of fitted codes.

    Samples decode draws of the prior. Where the codes of images lie elsewhere, the decoder has not
    learnt to decode them: z from a density fitted to the codes afterwards does better (ex-post
    density estimation, Ghosh et al. 2020, section 4), here a Gaussian with full covariance, the
    aggregate posterior's own: of means, plus the mean of variances. A conditional model's codes
    belong to labels, and the Gaussian of each has a mean of its own. Reconstructions show what the
    decoder can do at codes that fit. What is left of their distance is the decoder's blur; what
    fitted samples gain is the prior's fault; the rest lies in codes that no such Gaussian
    describes.

    `eval.fidelity_samples` of each against the training images of `evals.fidelity`, with the labels
    that it asks for; of reconstructions as many as there are test images.

    None unless `eval.ex_post`, for families that do not encode and decode, and for points.

    Raises:
      UserError: as `check` and `fidelity.check`.
    """
    able = model.family.encode is not None and model.family.decode is not None
    if not able or not model.config.eval.ex_post:
        return None
    check(model.config, model.test)
    seer = fidelity.classifier(model)
    if seer is None:
        return None
    settings, seed = model.config.eval, model.config.seed
    fidelity.check_counts(model.config, seer, len(model.train))
    count, held = settings.fidelity_samples, fidelity.held_out(model)
    reals = settings.fidelity_reals or len(model.train)
    cache = real_features.cache_folder(settings.cache)
    real, digest = real_features.of_split(seer, model.train, reals, cache, "real train")
    known = min(count, len(held))
    asked = fidelity.asked_labels(model, count)
    codes = {
        "reconstructions": (model.encode(known, held)[0], np.asarray(held.labels[:known])),
        "fitted": (_fitted(model, reals, asked), asked),
    }
    values: dict[str, float] = {}
    errors: dict[str, float] = {}
    for name, (z, labels) in codes.items():
        drawn = _decoded(model, z, labels.astype(np.int32))
        fake = Side(real_features.watched(seer, drawn, len(z), name), None)
        # What BLAS sums up must not depend on the cores it finds.
        with threadpool_limits(limits=1, user_api="blas"):
            found = numbers.compare(seer, Side(real, None), fake, seed, settings.allow_few)
        values |= {f"{name}/{metric}": value for metric, value in found[0].items()}
        errors |= {f"{name}/{metric}": value for metric, value in found[1].items()}
    units = {name: names.unit(name.partition("/")[2]) for name in values}
    if known < count:
        rebuilt = [name for name in units if name.startswith("reconstructions/")]
        units |= {name: f"{units[name]}; {known} images" for name in rebuilt}
    return Result(
        values=values,
        units=units,
        errors=errors,
        protocol={
            "split": "train",
            "num_examples": count,
            "num_reconstructed": known,
            "num_real": min(reals, len(model.train)),
            "seed": seed,
            "sources": {
                "reconstructions": RECONSTRUCTIONS,
                "fitted": FITTED_BY_LABEL if model.config.conditional else FITTED,
            },
            **seer.protocol,
            "real_sha256": digest,
        },
    )


def check(config: ConfigDict, test: Split) -> None:
    """Raises UserError without a classifier to look through, or with too few test images for it."""
    if not config.eval.ex_post or test.spec.modes:
        return
    if not config.eval.classifier:
        raise UserError("eval.ex_post looks through a classifier; pass eval.classifier as well")
    for seer in fidelity.seers(config, test.spec):
        if seer.name == "classifier":
            count = min(config.eval.fidelity_samples, len(test))
            fidelity.check_count("ex_post", count, seer, config)


def _fitted(model: Model, fitted_to: int, labels: np.ndarray) -> np.ndarray:
    """Draws [n, Z], for labels [n], of Gaussians with the moments of the aggregate posterior."""
    means, logvars = (part.astype(np.float64) for part in model.encode(fitted_to, model.train))
    centres = np.tile(means.mean(axis=0), (model.train.spec.num_classes, 1))
    of = np.asarray(model.train.labels[: len(means)])
    if model.config.conditional:
        for label in np.unique(of):
            centres[label] = means[of == label].mean(axis=0)
    with threadpool_limits(limits=1, user_api="blas"):
        spread = np.atleast_2d(np.cov((means - centres[of]).T, bias=True))
        covariance = spread + np.diag(np.exp(logvars).mean(axis=0))
        # Codes that use fewer dimensions have a singular one, which has no Cholesky factor.
        sizes, axes = np.linalg.eigh(covariance)
        root = axes * np.sqrt(np.maximum(sizes, 0))
        draw = jax.vmap(lambda key: jax.random.normal(key, root.shape[:1]))
        noise = np.asarray(draw(model.keys("ex_post", np.arange(len(labels)))), np.float64)
        return (centres[labels] + noise @ root.T).astype(np.float32)


def _decoded(model: Model, codes: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
    size = model.config.eval.batch_size
    for start in range(0, len(codes), size):
        block = slice(start, start + size)
        yield to_uint8(model.decode(codes[block], labels[block]))
