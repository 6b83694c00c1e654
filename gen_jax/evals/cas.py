"""What samples teach: a classifier trained on them alone, asked about real images."""

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data.spec import ArraySplit, Split
from gen_jax.evals import pupil
from gen_jax.evals.model import Model, Result
from gen_jax.metrics.estimate import share_error

UNITS = {
    "cas": "share of test images named right by a classifier trained on samples alone",
    "cas_real": "the same, trained on as many training images",
}


def evaluate(model: Model) -> Result | None:
    """Classification accuracy score of `eval.cas_samples` samples (Ravuri & Vinyals 2019).

    The samples are asked for in the training set's proportions. Beside it, the same classifier
    under the same keys and budget on as many real training images; both are asked about the test
    images of classes that were trained on. It sees what precision and recall miss: classes that
    lack variety, and labels that do not hold. Errors are those of so many test images; that another
    training of the classifier would name others is not in them.

    None without samples to train on, for an unconditional model, for points in the plane, and where
    no test image is of the classes trained on.

    Raises:
      UserError: as `check`.
    """
    settings, spec = model.config.eval, model.train.spec
    if model.family.sample is None or not check(model.config, model.train):
        return None
    taught = np.isin(model.test.labels, model.trained_classes())
    if not taught.any():
        return None
    count = min(settings.cas_samples, len(model.train))
    labels = np.asarray(model.train.labels[:count])
    drawn = np.concatenate(list(model.drawn(labels)))
    pictures = ArraySplit(spec._replace(num_examples=count), drawn, labels)
    batch = model.train.gather(np.arange(count))
    real = ArraySplit(pictures.spec, batch["image"], batch["label"])
    steps = pupil.steps_of(count, settings.cas_epochs)
    values = {
        "cas": float(pupil.right(model, pictures, steps)[taught].mean()),
        "cas_real": float(pupil.right(model, real, steps)[taught].mean()),
    }
    tests = int(taught.sum())
    return Result(
        values=values,
        units=UNITS,
        protocol={
            "split": "test",
            "num_examples": tests,
            "num_fake": count,
            "epochs": settings.cas_epochs,
            "seed": model.config.seed,
            **pupil.protocol(),
        },
        errors={name: share_error(v, tests) for name, v in values.items()},
    )


def check(config: ConfigDict, train: Split) -> bool:
    """Whether a score is asked for and can be had of a model that samples.

    Raises:
      UserError: as `pupil.check`.
    """
    count = min(config.eval.cas_samples, len(train))
    if count <= 0 or not config.conditional or train.spec.num_classes < 2 or train.spec.modes:
        return False
    pupil.check(f"eval.cas_samples={count}", count)
    return True
