"""An image classifier, trained like any family, for others to measure images with.

It minimises the cross-entropy of p(y | x), averaged over the batch, on training images that
`classifier.augment` transforms anew every time; what a training step logs is of those. There is no
label smoothing: it would cap the confidence that samples are measured by.

What it has learned leaves the run by `export`, as the file that `features.load` and
`features.judge.load` read: its feature maps make a perceptual loss, its last features and its
logits judge samples.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.config.keys import digest
from gen_jax.core import optimizers, parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError, choose
from gen_jax.families import build
from gen_jax.families.networks import Net, Networks
from gen_jax.features import classifier as file
from gen_jax.losses.augmentation import AUGMENTATIONS, augment
from gen_jax.nets.classifier import CLASSIFIERS

NAME = "classifier"


def make(config: ConfigDict, spec: DataSpec) -> Family:
    """Builds the family.

    Raises:
      UserError: there is a single class, the network cannot be built or cannot halve the images, or
        there is no such augmentation.
    """
    section, policies = config.classifier, tuple(config.classifier.augment)
    if spec.num_classes < 2:
        raise UserError(f"family='classifier': {spec.name} has one class, nothing to tell apart")
    make_module = choose(CLASSIFIERS, section.net, "classifier.net")
    if section.net == "conv" and section.blocks != 1:
        raise UserError(f"classifier.blocks={section.blocks}: classifier.net='conv' has no blocks")
    for policy in map(str, policies):
        choose(AUGMENTATIONS, policy, "classifier.augment")
    if config.data.flip and "flip" in policies:
        raise UserError("classifier.augment has 'flip' and data.flip is on: leave one of them out")
    widths = tuple(section.widths)
    module = make_module(widths, spec.num_classes, section.blocks)
    build.check_halving(widths, spec.shape, "classifier.widths", module.halvings)
    origin = file.Origin(spec.name, config.seed, digest(config))
    inputs = (jnp.zeros((1, *spec.shape)), False)
    net = Net(module, inputs, build.optimizer(config, NAME, spec))
    nets = Networks({NAME: net}, precision=config.precision)

    def terms(logits: Float[Array, "b k"], labels: Int[Array, "b"]) -> dict[str, Float[Array, "b"]]:
        """Cross-entropy in nats, and 1 where the likeliest class is the right one."""
        return {
            "cross_entropy": optax.softmax_cross_entropy_with_integer_labels(logits, labels),
            "accuracy": jnp.equal(jnp.argmax(logits, axis=-1), labels).astype(jnp.float32),
        }

    def step(
        state: TrainState, batch: Any, keys: Key[Array, "1 b"], key: Key[Array, ""]
    ) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
        del key  # nothing here is of the batch as a whole
        images = augment(batch["image"][0], keys[0], policies)
        labels = batch["label"][0]

        def loss(params):
            (logits, _), stats = nets.apply(NAME, params, state.batch_stats, images, train=True)
            means = jax.tree.map(jnp.mean, terms(logits, labels))
            return means["cross_entropy"], (means, stats)

        grads, (means, stats) = jax.grad(loss, has_aux=True)(state.params)
        grads = parallel.pmean(grads)
        state = nets.update(state, grads, {NAME: stats})
        return state, parallel.pmean(means) | optimizers.norms(grads)

    def metrics(
        state: TrainState, batch: Any, keys: Key[Array, "b"]
    ) -> dict[str, Float[Array, "b"]]:
        del keys
        (logits, _), _ = nets.apply(
            NAME, state.params, state.batch_stats, batch["image"], train=False
        )
        return terms(logits, batch["label"])

    def export(state: TrainState) -> dict[str, np.ndarray]:
        variables = {"params": state.params[NAME], "batch_stats": state.batch_stats[NAME]}
        return file.pack(module, variables, spec, origin)

    return Family(nets.init, step, metrics=metrics, export=export, best=("accuracy", "max"))
