"""Samples of classes with few images, as training images of a classifier: do they help?"""

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data.classes import scarce_counts
from gen_jax.data.spec import ArraySplit, Split
from gen_jax.errors import UserError
from gen_jax.evals import pupil
from gen_jax.evals.model import Model, Result
from gen_jax.metrics.estimate import share_error

WAYS = {
    "scarce": "trained on the training set as it is, scarce classes and all",
    "repeated": "scarce classes' images repeated until there are as many as of the others",
    "augmented": "as many, those beyond the real ones being samples of the model",
}


def evaluate(model: Model) -> Result | None:
    """What a classifier gains from samples of the classes of `data.scarce`.

    The same classifier under the same keys and number of steps is trained in the three `WAYS`.
    Repeating what there is (oversampling) is what samples must beat: they may add variety, but know
    of the class no more than the generator has learnt from the same few images. A class is filled
    up to the mean count of those that are not scarce. Errors are those of so many test images, not
    of another training of the classifier.

    None where no class is scarce, `eval.augment_epochs` is 0, or the model is not conditional.

    Raises:
      UserError: as `check`.
    """
    if model.family.sample is None or not check(model.config, model.train, model.test):
        return None
    epochs, labels = model.config.eval.augment_epochs, np.asarray(model.train.labels)
    rare = sorted(scarce_counts(model.config.data.scarce, model.train.spec.class_names))
    counts = np.bincount(labels, minlength=model.train.spec.num_classes)
    common = np.setdiff1d(np.flatnonzero(counts), rare)
    wanted = round(float(counts[common].mean()))
    real = model.train.gather(np.arange(len(labels)))["image"]
    lacking = [np.full(max(wanted - counts[label], 0), label, np.int32) for label in rare]
    more = np.concatenate(lacking)
    repeats = [
        np.resize(np.flatnonzero(labels == part[0]), len(part)) for part in lacking if len(part)
    ]
    added = {
        "scarce": (real[:0], labels[:0]),
        "repeated": (real[np.concatenate(repeats)], more) if repeats else (real[:0], labels[:0]),
        "augmented": (np.concatenate([real[:0], *model.drawn(more)]), more),
    }
    # As many steps for each: an epoch is one of the training set with its scarce classes filled.
    steps = pupil.steps_of(len(labels) + len(more), epochs)
    values, errors = {}, {}
    tested = np.isin(model.test.labels, rare)
    for way, (pictures, of) in added.items():
        split = ArraySplit(
            model.train.spec._replace(num_examples=len(labels) + len(of)),
            np.concatenate([real, pictures]),
            np.concatenate([labels, of]).astype(np.int32),
        )
        right = pupil.right(model, split, steps)
        for name, found in (("recall", right[tested]), ("accuracy", right)):
            values[f"{name}_{way}"] = float(found.mean())
            errors[f"{name}_{way}"] = share_error(float(found.mean()), len(found))
    return Result(
        values=values,
        units={
            f"{name}_{way}": f"share of {whose} named right; {said}"
            for way, said in WAYS.items()
            for name, whose in (
                ("recall", "test images of scarce classes"),
                ("accuracy", "all test images"),
            )
        },
        protocol={
            "split": "test",
            "num_examples": len(model.test),
            "scarce": model.config.data.scarce,
            "num_real": len(labels),
            "num_added": len(more),
            "num_scarce_tests": int(tested.sum()),
            "epochs": epochs,
            "seed": model.config.seed,
            **pupil.protocol(),
        },
        errors=errors,
    )


def check(config: ConfigDict, train: Split, test: Split) -> bool:
    """Whether it is asked for and can be had of a model that samples.

    Raises:
      UserError: no class is scarce, or every one, no training or no test image is of one, the model
        is not conditional, the data are points in the plane, or as `pupil.check`.
    """
    asked = config.eval.augment_epochs
    if not asked:
        return False
    if not config.data.scarce:
        raise UserError(f"eval.augment_epochs={asked}: no class is scarce; pass data.scarce='8=50'")
    if train.spec.modes:
        raise UserError(f"eval.augment_epochs={asked}: of pictures, not of points; leave it at 0")
    if not config.conditional:
        raise UserError(f"eval.augment_epochs={asked}: samples of a class take conditional=True")
    rare = scarce_counts(config.data.scarce, train.spec.class_names)
    if not set(np.unique(train.labels)) - rare.keys():
        raise UserError(
            "data.scarce: every class is scarce, so that none says how many there could be"
        )
    if unseen := rare.keys() - set(train.labels.tolist()):
        names = ", ".join(train.spec.class_names[label] for label in sorted(unseen))
        raise UserError(f"data.scarce: the training set has no image of class {names} to repeat")
    if not np.isin(test.labels, list(rare)).any():
        raise UserError(f"data.scarce={config.data.scarce}: no test image is of those classes")
    pupil.check(f"eval.augment_epochs={asked}", len(train))
    return True
