"""Scores that ask how much single dimensions of a representation say about each factor."""

import numpy as np
from jaxtyping import Float, Int

BINS = 20
TREES = 20
SMALLEST_LEAF = 20
"""Images. Smaller leaves fit noise, and spread importance over dimensions that say nothing."""


def factor_information(
    z: Float[np.ndarray, "n Z"], factors: Int[np.ndarray, "n F"]
) -> Float[np.ndarray, "Z F"]:
    """Mutual information of each dimension with each factor, over the factor's entropy: 0 .. 1.

    Dimensions are discretised into 20 bins of equal width from their smallest to their largest
    value. The plug-in estimate is used, which n independent pairs exceed 0 by about
    19 (V - 1) / 2n nats, where V is the number of the factor's values.

    Args:
        z: representations.
        factors: values of the generative factors; each takes at least two.
    """
    binned = [_binned(column.astype(np.float64)) for column in z.T]
    out = np.empty((z.shape[1], factors.shape[1]))
    for k, factor in enumerate(factors.T):
        _, values = np.unique(factor, return_inverse=True)
        count = values.max() + 1
        entropy = _entropy(np.bincount(values))
        if entropy == 0:
            raise ValueError("a factor needs two values")
        for j, bins in enumerate(binned):
            joint = np.bincount(bins * count + values, minlength=BINS * count)
            table = joint.reshape(BINS, count)
            shared = _entropy(table.sum(axis=1)) + entropy - _entropy(joint)
            out[j, k] = shared / entropy
    # Rounding may leave an independent pair a hair below 0.
    return np.clip(out, 0, 1)


def mig(z: Float[np.ndarray, "n Z"], factors: Int[np.ndarray, "n F"]) -> float:
    """The mutual information gap (Chen et al. 2018, eq. 6).

    The mean over factors of the gap between the dimension that says most about it and the one
    that says second most, as shares of the factor's entropy (`factor_information`).

    Args:
        z: representations; with one dimension the second counts as 0.
        factors: values of the generative factors; each takes at least two.

    Returns:
        0 to 1; 0 where nothing is known or two dimensions know as much.
    """
    return _mean_gap(factor_information(z, factors))


def sap(z: Float[np.ndarray, "n Z"], factors: Int[np.ndarray, "n F"], seed: int) -> float:
    """The separated attribute predictability score (Kumar et al. 2018, section 3).

    The mean over factors of the gap between the two dimensions that predict it best. Kumar et
    al. predict ordered factors by linear regression and categorical ones by thresholds on the
    dimension. A data set here does not say which are which, so all are taken for categorical: a
    decision tree with as many leaves as the factor has values, that is, thresholds, fitted to
    one half of the images with the classes balanced and judged on the other by balanced
    accuracy. Scores are rescaled to 0 at chance, without which two values could not give
    more than a half: (accuracy - 1/V) / (1 - 1/V), where V is the number of values.

    Args:
        z: representations; with one dimension the second counts as 0.
        factors: values of the generative factors; each takes at least two.
        seed: decides the halves.

    Returns:
        At most 1; about 0 where nothing is known or two dimensions predict as well.
    """
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.tree import DecisionTreeClassifier

    train, test = _halves(len(z), seed)
    out = np.zeros((z.shape[1], factors.shape[1]))
    for k, factor in enumerate(factors.T):
        values, chance = np.unique(factor[test]), 1 / len(np.unique(factor))
        tree = DecisionTreeClassifier(
            class_weight="balanced",
            max_leaf_nodes=max(2, len(np.unique(factor[train]))),
            random_state=seed,
        )
        for j, column in enumerate(z.T):
            tree.fit(column[train, None], factor[train])
            predicted = tree.predict(column[test, None])
            hits = [np.mean(predicted[factor[test] == value] == value) for value in values]
            out[j, k] = (np.mean(hits) - chance) / (1 - chance)
    return _mean_gap(np.maximum(out, 0))


def dci(
    z: Float[np.ndarray, "n Z"], factors: Int[np.ndarray, "n F"], seed: int
) -> tuple[float, float, float]:
    """Disentanglement, completeness and informativeness (Eastwood & Williams 2018, section 2).

    A forest predicts each factor from all dimensions; the importances R [Z, F] are its decreases
    of impurity. Its trees may split on any dimension, since a forest that is offered a few of them
    at a time gives importance to those that say nothing; and they are extremely randomised (Geurts
    et al. 2006): as accurate here as a random forest, in an eighth of the time. Fitted to one half
    of the images, judged on the other.

    Args:
        z: representations.
        factors: values of the generative factors; each takes at least two.
        seed: decides the halves and the forest.

    Returns:
        disentanglement: 1 - the entropy (base F) of a dimension's importances over factors,
        averaged over dimensions by their share of all importance; 0 to 1, 1 if each serves one
        factor.
        completeness: 1 - the entropy (base Z) of a factor's importances over dimensions, averaged
        over factors; 0 to 1, 1 if each is served by one dimension.
        informativeness: accuracy on the held-out half, averaged over factors; chance is the
        share of the commonest value. (The paper reports an error, and regresses.)
    """
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.ensemble import ExtraTreesClassifier

    train, test = _halves(len(z), seed)
    z = np.asarray(z, np.float32)
    importance = np.empty((z.shape[1], factors.shape[1]))
    accuracy = np.empty(factors.shape[1])
    for k, factor in enumerate(factors.T):
        forest = ExtraTreesClassifier(
            TREES, max_features=None, min_samples_leaf=SMALLEST_LEAF, random_state=seed
        )
        forest.fit(z[train], factor[train])
        importance[:, k] = forest.feature_importances_
        accuracy[k] = forest.score(z[test], factor[test])
    total = importance.sum()
    if total == 0:  # no dimension varies
        return 0.0, 0.0, float(accuracy.mean())
    disentanglement = importance.sum(axis=1) / total @ _concentration(importance)
    completeness = _concentration(importance.T).mean()
    return float(disentanglement), float(completeness), float(accuracy.mean())


def _concentration(rows: np.ndarray) -> np.ndarray:
    """1 - entropy of each row [r, c] in units of log c; 1 for a single column, 0 for no mass."""
    if rows.shape[1] == 1:
        return np.ones(len(rows))
    entropies = np.array([_entropy(row) for row in rows]) / np.log(rows.shape[1])
    return np.where(rows.sum(axis=1) > 0, 1 - entropies, 0)


def _entropy(weights: np.ndarray) -> float:
    """Entropy in nats of a distribution given up to its total, 0 if that is 0."""
    weights = weights[weights > 0] / max(weights.sum(), np.finfo(float).tiny)
    return float(-np.sum(weights * np.log(weights)))


def _binned(column: np.ndarray) -> np.ndarray:
    low, high = column.min(), column.max()
    if high == low:
        return np.zeros(len(column), np.int64)
    return np.minimum((column - low) / (high - low) * BINS, BINS - 1).astype(np.int64)


def _mean_gap(table: np.ndarray) -> float:
    """Mean over columns of largest minus second largest of [Z, F]."""
    ordered = np.sort(np.vstack([np.zeros(table.shape[1]), table]), axis=0)
    return float(np.mean(ordered[-1] - ordered[-2]))


def _halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(count)
    return order[: count // 2], order[count // 2 :]
