"""What samples teach: a classifier trained on them alone, asked about real images."""

import jax
import numpy as np
from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax.core import keys, parallel
from gen_jax.data import Batches, num_steps
from gen_jax.data.spec import ArraySplit, Split, scaled
from gen_jax.errors import UserError
from gen_jax.evals.model import Model, Result
from gen_jax.families import classifier
from gen_jax.metrics.estimate import share_error
from gen_jax.train import steps

BATCH = 128
APART = 0x0CA5
"""Changes the run's seed, so that no key of the run is the classifier's."""
SETTINGS = {
    "family": "classifier",
    "batch_size": BATCH,
    "classifier.net": "resnet",
    "classifier.widths": (32, 64, 128),
    "classifier.lr": 3e-3,
    "optimizer.b1": 0.9,
    "optimizer.weight_decay": 0.05,
}
"""Of the classifier: residual, AdamW, its learning rate falling to 0 along a cosine."""

UNITS = {
    "cas": "share of test images named right by a classifier trained on samples alone",
    "cas_real": "the same, trained on as many training images",
}


def evaluate(model: Model) -> Result | None:
    """Classification accuracy score of `eval.cas_samples` samples (Ravuri & Vinyals 2019).

    The samples are asked for in the training set's proportions. Beside it, the same classifier
    under the same keys and budget on as many real training images. It sees what precision and
    recall miss: classes that lack variety, and labels that do not hold.

    None without samples to train on, for an unconditional model, and for points in the plane.

    Raises:
      UserError: as `check`.
    """
    settings, spec = model.config.eval, model.train.spec
    if model.family.sample is None or not check(model.config, model.train):
        return None
    count = min(settings.cas_samples, len(model.train))
    labels = np.asarray(model.train.labels[:count])
    drawn = np.concatenate(list(model.drawn(labels)))
    pictures = ArraySplit(spec._replace(num_examples=count), drawn, labels)
    batch = model.train.gather(np.arange(count))
    real = ArraySplit(pictures.spec, batch["image"], batch["label"])
    values = {
        "cas": _accuracy(model, pictures, settings.cas_epochs),
        "cas_real": _accuracy(model, real, settings.cas_epochs),
    }
    tests = len(model.test)
    return Result(
        values=values,
        units=UNITS,
        protocol={
            "split": "test",
            "num_examples": tests,
            "num_fake": count,
            "epochs": settings.cas_epochs,
            "seed": model.config.seed,
            **{key: list(v) if isinstance(v, tuple) else v for key, v in SETTINGS.items()},
        },
        errors={name: share_error(v, tests) for name, v in values.items()},
    )


def check(config: ConfigDict, train: Split) -> bool:
    """Whether a score is asked for and can be had of a model that samples.

    Raises:
      UserError: there are fewer samples than a batch has images, the batch does not fit the
        devices, or several processes train together.
    """
    count = min(config.eval.cas_samples, len(train))
    if count <= 0 or not config.conditional or train.spec.num_classes < 2 or train.spec.modes:
        return False
    if count < BATCH:
        raise UserError(f"eval.cas_samples={count}: at least a batch of {BATCH}")
    if jax.process_count() > 1:
        raise UserError(
            f"eval.cas_samples={count}: one process cannot train a classifier where several train "
            "the model; leave it at 0, and afterwards use --mode=evaluate in one process"
        )
    parallel.check_batch(BATCH)
    return True


def _accuracy(model: Model, split: ArraySplit, epochs: float) -> float:
    """Of a classifier trained on a split, on all test images."""
    config = configs.base()
    config.update_from_flattened_dict(SETTINGS)
    config.seed, config.optimizer.decay_epochs = model.config.seed ^ APART, epochs
    family = classifier.make(config, split.spec)
    state = parallel.replicate(jax.jit(family.init)(keys.stream(config.seed, "init")))
    step = steps.make_step(family, config)
    batches = Batches(split, BATCH, config.seed, False, family.draws)
    for _, batch in batches.prefetch(0, num_steps(len(split), BATCH, family.draws, epochs)):
        state, _ = step(state, parallel.shard(batch, axis=1))
    trained, right, size = parallel.unreplicate(state), 0.0, model.config.eval.batch_size
    assert family.metrics is not None
    metrics = jax.jit(family.metrics)
    for start in range(0, len(model.test), size):
        found = model.test.gather(np.arange(start, min(start + size, len(model.test))))
        seen = {"image": scaled(found["image"]), "label": found["label"]}
        right += float(np.sum(metrics(trained, seen, None)["accuracy"]))
    return right / len(model.test)
