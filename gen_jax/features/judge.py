"""The classifier that judges samples: its last features and its logits, and whence it comes.

Distances between its features are of a network that was trained here on the very classes of the
data; a Frechet distance on them is "FD-classifier" and no FID, which is Inception's. What judges a
model must not be what the model was trained to please: it takes another file than the model's own
perceptual loss (`refuse_own`), at best another architecture from another seed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from gen_jax.core.files import expanded
from gen_jax.data.spec import DataSpec, scaled
from gen_jax.errors import UserError
from gen_jax.features import archive, classifier
from gen_jax.features.network import Misfit

CONFIGS = {name: f"configs/judge_{name}.py" for name in ("mnist", "cifar10", "cifar100")}
"""What trains a judge, by the name of the data."""


class Judge(NamedTuple):
    """A classifier as a function of images.

    Attributes:
      digest: SHA-256 (hex) of its file.
      dimension: d, of its features.
      architecture: its network in words, such as "resnet 32-64-128, 1 block each".
      seed, trained_on, config_digest: of the run it comes from: seed, name of the data, SHA-256
        (hex) of the config; None if its file does not say.
      classes: names of its k classes, in the order of the logits.
      apply: images [n, H, W, C], uint8 or float in [-1, 1] -> float32 features [n, d], the mean
        over positions of its last feature map, and logits [n, k], linear in them. Compiled; batch
        norm uses the running moments of the training.
    """

    digest: str
    dimension: int
    architecture: str
    seed: int | None
    trained_on: str | None
    config_digest: str | None
    classes: tuple[str, ...]
    apply: Callable[[Any], tuple[Array, Array]]


def load(path: str, spec: DataSpec, key: str = "eval.classifier") -> Judge:
    """The classifier in a file (`classifier.npz` of a run), for images and classes of `spec`.

    Args:
      path: the file.
      spec: what it is to judge.
      key: the config key that names the file, for the message.

    Raises:
      UserError: there is no such file, it is of something else, or of other images or classes.
    """
    named, obtain = f"{key}={path!r}", _obtain(spec)
    file = expanded(path)
    if not file.is_file():
        raise UserError(f"{named} is not a file; {obtain}")
    arrays = archive.read(file)
    try:
        net, variables, trained = classifier.unpack(arrays)
        origin = classifier.origin(arrays)
        names = np.ravel(arrays.get("class_names", np.zeros(0, str)))
        if names.dtype.kind != "U":
            raise Misfit(f"its class_names are {names.dtype}")
    except Misfit as error:
        raise UserError(f"{named} is not of a classifier: {error}; {obtain}") from error
    if trained != spec.shape:
        raise UserError(f"{named} names images {list(trained)}, not {list(spec.shape)}; {obtain}")
    classes = tuple(names.tolist())
    if net.num_classes != len(spec.class_names) or classes != tuple(spec.class_names):
        raise UserError(
            f"{named} names {net.num_classes} classes ({_few(classes)}), not these "
            f"{len(spec.class_names)} ({_few(spec.class_names)}); {obtain}"
        )

    def apply(images: Array) -> tuple[Float[Array, "n d"], Float[Array, "n k"]]:
        pixels = scaled(images) if images.dtype == jnp.uint8 else images.astype(jnp.float32)
        with jax.default_matmul_precision("highest"):  # of convolutions too; a GPU would round more
            logits, maps = net.apply(variables, pixels, False)
        return jnp.mean(maps[-1], axis=(1, 2)), logits

    return Judge(
        digest=archive.digest(file),
        dimension=net.widths[-1],
        architecture=net.architecture,
        seed=None if origin is None else origin.seed,
        trained_on=None if origin is None else origin.data,
        config_digest=None if origin is None else origin.config_digest,
        classes=classes,
        apply=jax.jit(apply),
    )


def refuse_own(judge_digest: str, config: ConfigDict) -> None:
    """Raises UserError if a judge's file is what a model's perceptual loss looks through.

    Args:
      judge_digest: SHA-256 (hex) of the judge's file.
      config: of the run whose model is judged.

    Raises:
      UserError: as said, or the weights of the perceptual loss are not there to compare with.
    """
    section = config.perceptual
    if not section.weight:
        return
    file = expanded(section.weights or "")
    if not file.is_file():
        raise UserError(
            f"perceptual.weights={section.weights!r} is not a file: pass the one the model was "
            "trained with, to compare the judge's with"
        )
    if archive.digest(file) == judge_digest:
        raise UserError(
            f"perceptual.weights={section.weights!r} is what the model was trained to please and "
            "may not judge it; train another, with another --config.seed and classifier.net"
        )


def _obtain(spec: DataSpec) -> str:
    if spec.name not in CONFIGS:
        return f"train one on {spec.name} after the example of {CONFIGS['cifar10']}"
    keys = f"--config.data.image_size={spec.shape[0]} --config.data.channels={spec.shape[2]}"
    return f"train one with python run.py --config={CONFIGS[spec.name]} {keys}"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
