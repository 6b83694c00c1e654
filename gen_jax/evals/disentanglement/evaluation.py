"""Disentanglement of a model, beside representations that nobody trained to be disentangled."""

import warnings
from collections.abc import Iterator

import jax
import numpy as np
from absl import logging
from threadpoolctl import threadpool_limits

from gen_jax.core import keys
from gen_jax.data.spec import Split, scaled
from gen_jax.evals.disentanglement import interventions, predictions
from gen_jax.evals.model import Model, Result
from gen_jax.losses.elbo import ACTIVE_VARIANCE

MOST_IMAGES = 10_000
MOST_VALUES = 12_288
"""Values an image may have to serve as a representation itself, or to be decomposed."""
ICA_STEPS = 1000
PIXELS_LACK = ("sap", "dci_disentanglement", "dci_completeness", "dci_informativeness")
"""Scores that fit a tree or a forest per value, and would take minutes on thousands."""
NAMES = ("higgins", "factor_vae", "mig", *PIXELS_LACK)


# The last bits must not depend on how many threads BLAS takes.
@threadpool_limits.wrap(limits=1, user_api="blas")
def evaluate(model: Model) -> Result | None:
    """Every score of the posterior means of the first test images, at most 10,000.

    None if the config does not ask for it, or fewer than two generative factors are known and vary
    among those images. With `eval.baselines` the same for the pixels, for PCA and ICA with as many
    components as z, fitted to the first 10,000 training images, and for the encoder as it was
    initialised: a score says something by how far it lies above those. A conditional encoder is
    told the label, and z need not hold what the label says.

    Returns:
        values such as "mig", of the baselines "pca/mig"; arrays "factor_information" [Z, F], the
        share of each factor's entropy each dimension knows, and "factor_names" [F].
    """
    spec, config = model.test.spec, model.config
    count = min(MOST_IMAGES, len(model.test))
    if not config.eval.disentanglement or not spec.factors:
        return None
    every = model.test.factors(np.arange(count))
    varying = [k for k, factor in enumerate(every.T) if 1 < len(np.unique(factor)) < count]
    if len(varying) < 2:
        return None
    factors, seed = every[:, varying], config.seed
    names = [spec.factors[k][0] for k in varying]

    means = model.encode(count)[0]
    # Without its posterior's noise a dimension that has collapsed onto the prior still betrays the
    # factors by its third decimal, and would count as one more that knows them.
    active = means.var(axis=0) > ACTIVE_VARIANCE
    used = means[:, active] if active.any() else means
    values = scores(used, factors, seed)
    # One at a time: pixels and their like need not be held together.
    for name, representation in _baselines(model, count):
        lacking = PIXELS_LACK if name == "pixels" else ()
        found = scores(representation, factors, seed, lacking)
        values |= {f"{name}/{key}": value for key, value in found.items()}
    units = _units(factors)
    return Result(
        values=values,
        units={name: units[name.split("/")[-1]] for name in values},
        protocol={
            "split": "test",
            "num_examples": count,
            "seed": seed,
            "representation": f"posterior means of variance above {ACTIVE_VARIANCE}",
            "dimensions": used.shape[1],
            "conditional": bool(config.conditional),
            "factors": names,
            "higgins": f"{_points()}, {interventions.PAIRS} pairs each; logistic regression",
            "factor_vae": f"{_points()}, {interventions.PAIRS} images each",
            "mig": f"{predictions.BINS} bins of equal width",
            "sap": "trees of as many leaves as values, balanced; halves; rescaled to chance 0",
            "dci": f"{predictions.TREES} extremely randomised trees of leaves of at least "
            f"{predictions.SMALLEST_LEAF} images; halves",
            **(_baseline_protocol(model) if config.eval.baselines else {}),
        },
        verdict=_verdict(values),
        arrays={
            "factor_information": predictions.factor_information(means, factors).astype(np.float32),
            "factor_names": np.array(names),
        },
    )


def scores(
    z: np.ndarray, factors: np.ndarray, seed: int, without: tuple[str, ...] = ()
) -> dict[str, float]:
    """All of `NAMES` but `without`, of a representation [n, Z] of images with factors [n, F]."""
    found = {
        "higgins": interventions.higgins(z, factors, seed),
        "factor_vae": interventions.factor_vae(z, factors, seed),
        "mig": predictions.mig(z, factors),
    }
    if "sap" not in without:
        found["sap"] = predictions.sap(z, factors, seed)
    if "dci_disentanglement" not in without:
        found |= zip(NAMES[-3:], predictions.dci(z, factors, seed), strict=True)
    return found


def _baselines(model: Model, count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Names and representations [count, .] of test images that no training has shaped."""
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.decomposition import PCA, FastICA
    from sklearn.exceptions import ConvergenceWarning

    if not model.config.eval.baselines:
        return
    seed, size = model.config.seed, int(np.prod(model.test.spec.shape))
    if size <= MOST_VALUES:
        pixels = _flat(model.test, count)
        yield "pixels", pixels
        train = _flat(model.train, MOST_IMAGES)
        components = min(model.config.z_dim, *train.shape)
        # Whitening changes no score of its own; ICA wants it.
        pca = PCA(components, whiten=True, random_state=seed).fit(train)
        projected = pca.transform(pixels)
        yield "pca", projected
        ica = FastICA(whiten=False, max_iter=ICA_STEPS, tol=1e-3, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            ica.fit(pca.transform(train))
        if ica.n_iter_ >= ICA_STEPS:
            logging.warning("FastICA has not converged in %d iterations.", ICA_STEPS)
        yield "ica", ica.transform(projected)
    else:
        logging.info("No baselines from images of %d values (over %d).", size, MOST_VALUES)
    # The run's own initial weights: the same key, compiled as for training.
    initial = jax.jit(model.family.init)(keys.stream(seed, "init"))
    yield "untrained", model._replace(state=initial).encode(count)[0]


def _flat(split: Split, count: int) -> np.ndarray:
    images = scaled(split.gather(np.arange(min(count, len(split))))["image"])
    return images.reshape(len(images), -1)


def _points() -> str:
    return f"{interventions.TRAIN_POINTS} points to fit, {interventions.TEST_POINTS} held out"


def _baseline_protocol(model: Model) -> dict[str, str]:
    size = int(np.prod(model.test.spec.shape))
    if size > MOST_VALUES:
        left = f"pixels, PCA and ICA are left out above {MOST_VALUES} values an image"
        return {"baselines": f"{left}; the encoder as initialised"}
    return {
        "baselines": f"pixels ({', '.join(PIXELS_LACK)} left out: too many dimensions); PCA and "
        f"FastICA (at most {ICA_STEPS} iterations) with z_dim components, fitted to the first "
        f"{min(MOST_IMAGES, len(model.train))} training images; the encoder as initialised"
    }


def _units(factors: np.ndarray) -> dict[str, str]:
    commonest = [np.unique(column, return_counts=True)[1].max() for column in factors.T]
    guess = f"chance {1 / factors.shape[1]:.3f}"
    return {
        "higgins": f"held-out accuracy of naming the shared factor, {guess}",
        "factor_vae": f"held-out accuracy of naming the fixed factor, {guess}",
        "mig": "gap in mutual information, share of the factor's entropy, mean over factors",
        "sap": "gap in balanced accuracy of one dimension, chance 0 and all 1, mean over factors",
        "dci_disentanglement": "0: a dimension serves all factors alike, 1: only one",
        "dci_completeness": "0: a factor is served by all dimensions alike, 1: by only one",
        "dci_informativeness": "held-out accuracy of the factors from all dimensions, chance "
        f"{np.mean(commonest) / len(factors):.3f}",
    }


def _verdict(values: dict[str, float]) -> str:
    """How many scores lie above all baselines; empty without any."""
    rivals = {
        name: [value for key, value in values.items() if key.endswith(f"/{name}")] for name in NAMES
    }
    if not any(rivals.values()):
        return ""
    above = [name for name in NAMES if values[name] > max(rivals[name])]
    named = f" ({', '.join(above)})" if above else ""
    return f"Above every baseline on {len(above)} of {len(NAMES)} scores{named}."
