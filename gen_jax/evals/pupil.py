"""A classifier trained on pictures, real or not, and asked about test images: what they teach."""

import jax
import numpy as np

from gen_jax import config as configs
from gen_jax.core import keys, parallel
from gen_jax.data import Batches, num_steps
from gen_jax.data.spec import ArraySplit, scaled
from gen_jax.errors import UserError
from gen_jax.evals.model import Model
from gen_jax.families import classifier
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
"""Residual, AdamW, its learning rate falling to 0 along a cosine."""


def protocol() -> dict:
    """The settings, as JSON has them."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in SETTINGS.items()}


def check(key: str, count: int) -> None:
    """Raises UserError where no classifier can be trained on so many pictures here.

    There are fewer than a batch has images, the batch does not fit the devices, or several
    processes train together; `key` is what asked for it.
    """
    if count < BATCH:
        raise UserError(f"{key}: at least a batch of {BATCH}")
    if jax.process_count() > 1:
        raise UserError(
            f"{key}: one process cannot train a classifier where several train the model; leave it "
            "at 0, and afterwards use --mode=evaluate in one process"
        )
    parallel.check_batch(BATCH)


def steps_of(size: int, epochs: float) -> int:
    """Steps of so many epochs over so many pictures."""
    return num_steps(size, BATCH, 1, epochs)


def right(model: Model, split: ArraySplit, steps_in_all: int) -> np.ndarray:
    """Whether a classifier trained on a split for so many steps names each test image right.

    Returns:
      bool [N], of all test images.
    """
    config = configs.base()
    config.update_from_flattened_dict(SETTINGS)
    config.seed = model.config.seed ^ APART
    config.optimizer.decay_epochs = steps_in_all * BATCH / len(split)
    family = classifier.make(config, split.spec)
    state = parallel.replicate(jax.jit(family.init)(keys.stream(config.seed, "init")))
    step = steps.Step(family, config)
    batches = Batches(split, BATCH, config.seed, False, family.draws)
    for _, batch in batches.prefetch(0, steps_in_all):
        state, _ = step(state, parallel.shard(batch, axis=1))
    trained, size = parallel.unreplicate(state), model.config.eval.batch_size
    assert family.metrics is not None
    metrics = jax.jit(family.metrics)
    parts = []
    for start in range(0, len(model.test), size):
        found = model.test.gather(np.arange(start, min(start + size, len(model.test))))
        seen = {"image": scaled(found["image"]), "label": found["label"]}
        parts.append(np.asarray(metrics(trained, seen, None)["accuracy"]) > 0.5)
    return np.concatenate(parts)
