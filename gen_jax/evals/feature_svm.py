"""What a discriminator knows of classes nobody told it: a linear SVM on its feature maps.

Radford et al. 2016, sec. 5.1: the maps of all convolutions, max-pooled to 4x4, flattened and
concatenated, and "a regularized linear L2-SVM" on top. Their 82.8 % on CIFAR-10 is of a far wider
discriminator that was trained on ImageNet-1k: not a number for one trained on CIFAR-10 itself.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from threadpoolctl import threadpool_limits

from gen_jax.core import keys
from gen_jax.data.spec import Split
from gen_jax.evals import linear_svm
from gen_jax.evals.linear_svm import CHOSEN_ON, STRENGTHS, TOLERANCE, Svm
from gen_jax.evals.model import Model, Result
from gen_jax.evals.probe import wilson

GRID = 4
KINDS = {"": "discriminator", "_random": "discriminator as initialised", "_pixels": "pixels"}

Encoder = Callable[[np.ndarray], np.ndarray]


def evaluate(model: Model) -> Result | None:
    """Test accuracy of an L2-SVM on the discriminator's features, beside two yardsticks.

    It is fitted to the first `eval.svm_examples` training images: to features of the discriminator,
    of the same network as initialised ("random"), and to the pixels; each standardised by those
    images' mean and deviation, and with a C of its own (`linear_svm.choose`). It is tested on every
    test image of a class it was fitted to; chance is the share of the commonest class among those.
    With `svm_examples=1000` it is as in the paper's sec. 5.2, but for labels drawn evenly there.

    None without examples, with fewer than two classes, and for families without feature maps.
    """
    count = min(model.config.eval.svm_examples, len(model.train))
    classes, targets = np.unique(model.train.labels[:count], return_inverse=True)
    asked = np.isin(model.test.labels, classes)
    if model.family.features is None or len(classes) < 2 or not asked.any():
        return None
    truth = np.searchsorted(classes, model.test.labels[asked])
    right, fits = {}, {}
    for kind, encode in _encoders(model):
        svm, fits[KINDS[kind]] = _fitted(model, encode, targets)
        blocks = _features(model, model.test, len(model.test), encode)
        with threadpool_limits(1, user_api="blas"):
            guesses = np.concatenate([svm.predict(block) for block in blocks])
        right[kind] = int(np.sum(guesses[asked] == truth))
    total = len(truth)
    accuracy = {kind: right[kind] / total for kind in KINDS}
    low, high = wilson(right[""], total)
    return Result(
        values={f"svm_accuracy{kind}": share for kind, share in accuracy.items()}
        | {
            "svm_accuracy_low": low,
            "svm_accuracy_high": high,
            "chance": float(np.bincount(truth).max() / total),
        },
        units={f"svm_accuracy{kind}": f"fraction of test images, {KINDS[kind]}" for kind in KINDS}
        | {
            "svm_accuracy_low": "lower end of the 95 % Wilson interval",
            "svm_accuracy_high": "upper end of the 95 % Wilson interval",
            "chance": "share of the commonest class",
        },
        protocol={
            "split": "test",
            "num_examples": total,
            "num_test": total,
            "fitted_to": "train",
            "num_train": count,
            "num_classes": len(classes),
            "input": f"feature maps of all convolutions, max-pooled to {GRID}x{GRID}, standardised",
            "classifier": "linear, one-vs-rest, squared hinge, L2, intercept penalised",
            "chosen": f"C, on a tenth of {min(count, CHOSEN_ON)} training images",
            "candidates": list(STRENGTHS),
            "fits": fits,
            "solver": f"L-BFGS, until the gradient is {TOLERANCE:g} of that at 0",
            "seed": model.config.seed,
        },
        verdict="Discriminator features classify {:.1%} of test images linearly, random features "
        "{:.1%}, pixels {:.1%}.".format(*(accuracy[kind] for kind in KINDS)),
    )


def pool(maps: tuple[Float[Array, "n _ _ _"], ...]) -> Float[Array, "n d"]:
    """Maps [n, h, w, c] max-pooled to 4x4, flattened and concatenated.

    Window i of a side of h is floor(i h / 4) .. ceil((i + 1) h / 4), as in adaptive pooling: they
    overlap where 4 does not divide h. A side shorter than 4 stays as it is.
    """
    flat = []
    for x in maps:
        rows = jnp.stack([jnp.max(x[:, a:b], axis=1) for a, b in _windows(x.shape[1])], axis=1)
        spans = _windows(x.shape[2])
        grid = jnp.stack([jnp.max(rows[:, :, a:b], axis=2) for a, b in spans], axis=2)
        flat.append(grid.reshape(len(x), -1))
    return jnp.concatenate(flat, axis=1)


def _fitted(model: Model, encode: Encoder, targets: np.ndarray) -> tuple[Svm, dict]:
    """The SVM for features as they come, not standardised, and what it took."""
    # Filled in place, to hold them once: 50,000 x 7,168 are 1.4 GB.
    features, filled = np.empty((0, 0), np.float32), 0
    for block in _features(model, model.train, len(targets), encode):
        if not filled:
            features = np.empty((len(targets), block.shape[1]), np.float32)
        features[filled : filled + len(block)] = block
        filled += len(block)
    mean, deviation = linear_svm.standardise(features)
    strength = linear_svm.choose(features, targets, model.config.seed)
    svm = linear_svm.fit(features, linear_svm.against(targets), strength)
    weights = svm.weights / deviation
    svm = svm._replace(weights=weights, intercepts=svm.intercepts - weights @ mean)
    return svm, {"features": features.shape[1], "C": strength, "gradient": svm.gradient}


def _encoders(model: Model) -> Iterator[tuple[str, Encoder]]:
    """Kind of features, and what makes them of images."""
    maps, pooled = model.jitted("features"), jax.jit(pool)
    # The run's own initial weights: the same key, compiled as for training.
    initial = jax.jit(model.family.init)(keys.stream(model.config.seed, "init"))
    yield "", lambda images: np.asarray(pooled(maps(model.state, images)))
    yield "_random", lambda images: np.asarray(pooled(maps(initial, images)))
    yield "_pixels", lambda images: images.reshape(len(images), -1)


def _features(model: Model, split: Split, count: int, encode: Encoder) -> Iterator[np.ndarray]:
    return (encode(batch["image"]) for _, batch in model.blocks(split, count))


def _windows(side: int) -> list[tuple[int, int]]:
    """First and past-the-last index of each window along a side."""
    bins = min(GRID, side)
    return [(i * side // bins, -(-(i + 1) * side // bins)) for i in range(bins)]
