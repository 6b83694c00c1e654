"""Anomaly detection: do test images of classes not trained on score higher than the others?"""

import numpy as np

from gen_jax.data import class_indices
from gen_jax.evals.model import Model, Result, to_uint8
from gen_jax.evals.reconstruction import corrupted

SCORES = {
    "elbo": ("negative ELBO", -1.0),
    "mse": ("reconstruction error", 1.0),
    "kl": ("KL", 1.0),
}
"""Scores by the metric they come from: name and sign. The first one a family has is its main."""

SHOWN = 16


def evaluate(model: Model) -> Result | None:
    """AUROC and AUPR (average precision) of each score, anomalies being the positives.

    Anomalies are the test images of classes that are not in `data.train_classes`. AUROC is the
    probability that an anomaly scores higher than a normal image; 0.5 is chance. AUPR at chance is
    the share of anomalies. The main score also has an AUROC for each anomalous class, if there are
    several, against all normal images, and the pictures it finds most and least anomalous.

    None where all classes were trained on, or the test set lacks either kind. Mind a conditional
    model: it is told the label, and its embedding of a class it never saw is untrained.
    """
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.metrics import average_precision_score, roc_auc_score

    chosen, spec = model.config.data.train_classes, model.test.spec
    if not chosen:
        return None
    labels = model.test.labels
    anomalous = ~np.isin(labels, class_indices(chosen, spec.class_names))
    if anomalous.all() or not anomalous.any():
        return None
    metrics = model.metrics(len(model.test))
    scores = {
        name: sign * metrics[name]
        for name, (_, sign) in SCORES.items()
        if name in metrics and np.isfinite(metrics[name]).all()
    }
    if not scores:
        return None
    values, units = {}, {}
    for name, score in scores.items():
        values[f"auroc_{name}"] = float(roc_auc_score(anomalous, score))
        values[f"aupr_{name}"] = float(average_precision_score(anomalous, score))
        units[f"auroc_{name}"] = f"probability, {SCORES[name][0]}; chance 0.5"
        units[f"aupr_{name}"] = f"average precision, {SCORES[name][0]}; chance: anomaly_share"
    values["anomaly_share"] = float(anomalous.mean())
    units["anomaly_share"] = "of test images"
    main, score = next(iter(scores.items()))
    kinds = np.unique(labels[anomalous])
    for label in kinds if len(kinds) > 1 else ():
        against = ~anomalous | (labels == label)
        name = f"auroc_{main}/{spec.class_names[label]}"
        values[name] = float(roc_auc_score(anomalous[against], score[against]))
        units[name] = f"probability, {SCORES[main][0]}, this class against all normal images"
    order = np.argsort(-score, kind="stable")
    most, least = order[:SHOWN], order[::-1][:SHOWN]
    images = to_uint8(model.observed(model.test, np.concatenate([most, least]))["image"])
    return Result(
        values=values,
        units=units,
        protocol={
            "split": "test",
            "num_examples": len(labels),
            "num_anomalies": int(anomalous.sum()),
            "train_classes": [str(name) for name in chosen],
            "seed": model.config.seed,
            **corrupted(model.config.loss),
        },
        verdict=verdict(values[f"auroc_{main}"], SCORES[main][0]),
        arrays={
            "anomaly_scores": score.astype(np.float32),
            "anomaly_is": anomalous,
            "anomaly_most": images[: len(most)],
            "anomaly_least": images[len(most) :],
            "anomaly_most_labels": labels[most],
            "anomaly_least_labels": labels[least],
        },
    )


def verdict(auroc: float, score: str) -> str:
    """The sentence that an AUROC carries."""
    number = f"the {score} has an AUROC of {auroc:.3f}"
    if auroc < 0.5:
        return f"Worse than chance: {number}; anomalies look more normal than normal images do."
    if auroc < 0.7:
        return f"Weak detector: {number}."
    return f"Detector of anomalies: {number}."
