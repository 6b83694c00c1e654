"""Linear probe: how well a linear classifier names the class from the latent code."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from gen_jax.evals.model import Model, Result

NORMAL_95 = 1.959963984540054
"""Quantile 0.975 of the standard normal."""


def evaluate(model: Model) -> Result | None:
    """Test accuracy of logistic regression on posterior means (Alain & Bengio 2017).

    Fitted to the first `eval.probe_examples` training images, on codes standardised by their own
    mean and variance, with the L2 penalty of scikit-learn's default (C = 1); tested on every test
    image of a class it was fitted to. Chance is the share of the commonest class among those.

    None without examples, with fewer than two classes, and for a conditional model: its encoder is
    told the label, so that its code need not say it, and reading it there would prove nothing.
    """
    count = min(model.config.eval.probe_examples, len(model.train))
    classes = np.unique(model.train.labels[:count])
    if model.config.conditional or len(classes) < 2:
        return None
    labels = model.test.labels
    asked = np.isin(labels, classes)
    if not asked.any():
        return None
    # The loss is convex: L-BFGS takes no seed, and stops well before so many iterations.
    probe = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-4, max_iter=10_000))
    codes = model.encode(count, model.train)[0].astype(np.float64)
    # The products are small: on a busy machine threads wait for each other many times longer than
    # they compute, and their number would show in the last bits.
    with threadpool_limits(1, user_api="blas"):
        probe.fit(codes, model.train.labels[:count])
    codes = model.encode(len(model.test))[0][asked].astype(np.float64)
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
        },
    )


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927), which stays within [0, 1]."""
    share, z2 = right / total, NORMAL_95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = share * (1 - share) / total + z2 / (4 * total**2)
    half = NORMAL_95 * spread**0.5 / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)
