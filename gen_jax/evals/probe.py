"""Linear probe: how well a linear classifier names the class from the latent code."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from gen_jax.data.spec import Split
from gen_jax.evals.model import Model, Result

NORMAL_95 = 1.959963984540054
"""Quantile 0.975 of the standard normal."""


def evaluate(model: Model) -> Result | None:
    """Test accuracy of logistic regression on posterior means (Alain & Bengio 2017).

    Fitted to the first `eval.probe_examples` training images, on codes standardised by their own
    mean and variance, with the L2 penalty of scikit-learn's default (C = 1); tested on every test
    image of a class it was fitted to. Chance is the share of the commonest class among those.

    A conditional encoder is told a label, and a code that repeats it would prove nothing. So each
    image is encoded under a class drawn at random, whatever its own: what the probe then finds of
    the image's class has come from its pixels. That protocol is another, as it says.

    None without examples, and with fewer than two classes.
    """
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count = min(model.config.eval.probe_examples, len(model.train))
    classes = np.unique(model.train.labels[:count])
    if len(classes) < 2:
        return None
    labels = model.test.labels
    asked = np.isin(labels, classes)
    if not asked.any():
        return None
    # The loss is convex: L-BFGS takes no seed, and stops well before so many iterations.
    probe = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-4, max_iter=10_000))
    codes = _codes(model, model.train, count)
    # The products are small: on a busy machine threads wait for each other many times longer than
    # they compute, and their number would show in the last bits.
    with threadpool_limits(1, user_api="blas"):
        probe.fit(codes, model.train.labels[:count])
    codes = _codes(model, model.test, len(model.test))[asked]
    right = int(np.sum(probe.predict(codes) == labels[asked]))
    total = len(codes)
    low, high = wilson(right, total)
    return Result(
        values={
            "probe_accuracy": right / total,
            "probe_accuracy_low": low,
            "probe_accuracy_high": high,
            "chance": float(np.bincount(labels[asked]).max() / total),
        },
        units={
            "probe_accuracy": "fraction of test images, linear classifier on codes",
            "probe_accuracy_low": "lower end of the 95 % Wilson interval",
            "probe_accuracy_high": "upper end of the 95 % Wilson interval",
            "chance": "share of the commonest class",
        },
        protocol={
            "split": "test",
            "num_examples": total,
            "fitted_to": "train",
            "num_train": count,
            "num_classes": len(classes),
            "input": "posterior mean, standardised",
            "classifier": "logistic regression, L2, C = 1",
        }
        | ({"told": "a class drawn at random"} if model.config.conditional else {}),
    )


def _codes(model: Model, split: Split, count: int) -> np.ndarray:
    """Posterior means of the first images, float64 [count, Z]."""
    if not model.config.conditional:
        return model.encode(count, split)[0].astype(np.float64)
    function, classes = model.jitted("encode"), jnp.asarray(model.trained_classes(), jnp.int32)
    draw = jax.jit(jax.vmap(partial(jax.random.choice, a=classes)))
    parts = []
    for indices, batch in model.blocks(split, count):
        labels = draw(model.keys("probe", indices))
        parts.append(np.asarray(function(model.state, batch["image"], labels)[0], np.float64))
    return np.concatenate(parts)


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927), which stays within [0, 1]."""
    share, z2 = right / total, NORMAL_95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = share * (1 - share) / total + z2 / (4 * total**2)
    half = NORMAL_95 * spread**0.5 / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)
