"""The project's own classifier as evaluations use it: images in, class and probability out."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.features import archive, classifier
from gen_jax.features.network import Misfit

STACKED = "stacked_mnist"
DIGITS = 10
_DIGITS = tuple(str(digit) for digit in range(DIGITS))


class Namer(NamedTuple):
    """A classifier as a function of images.

    Attributes:
      name: float32 images [n, H, W, C] in [-1, 1] -> their likeliest class int32 [n] and its
        probability float32 [n].
      digest: SHA-256 (hex) of the classifier's file.
    """

    name: Callable[[Any], tuple[Array, Array]]
    digest: str


def load(path: str, spec: DataSpec) -> Namer:
    """The classifier in a file (`classifier.npz` of a run), for images and classes of `spec`.

    Stacked MNIST takes one of single digits, which sees the channels one by one: its class is the
    number 100a + 10b + c they make, its probability the product of theirs.

    Raises:
      UserError: there is no such file, it is of something else, or of other images or classes.
    """
    stacked, key = spec.name == STACKED, f"eval.classifier={path!r}"
    height, width, channels = spec.shape
    shape = (height, width, 1) if stacked else spec.shape
    names = _DIGITS if stacked else spec.class_names
    digits = "mnist" in spec.name
    config = "configs/classifier_mnist.py" if digits else "configs/classifier_cifar10.py"
    obtain = (
        f"train one with python run.py --config={config} --config.data.image_size={height}"
        if stacked
        else f"train one on {spec.name} after the example of {config}"
    )
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"{key} is not a file; {obtain}")
    arrays = archive.read(file)
    try:
        net, variables, trained = classifier.unpack(arrays)
    except Misfit as error:
        raise UserError(f"{key} is not of a classifier: {error}; {obtain}") from error
    if trained != shape:
        raise UserError(f"{key} names images {list(trained)}, not {list(shape)}; {obtain}")
    known = np.ravel(arrays.get("class_names", np.zeros(0, str))).tolist()
    if net.num_classes != len(names) or known != list(names):
        raise UserError(
            f"{key} names {net.num_classes} classes ({_few(known)}), not these {len(names)} "
            f"({_few(names)}); {obtain}"
        )

    def name(images: Float[Array, "n h w c"]) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
        if stacked:
            images = jnp.moveaxis(images, -1, 1).reshape(-1, *shape)
        probabilities = jax.nn.softmax(net.apply(variables, images, False)[0])
        label = jnp.argmax(probabilities, axis=-1).astype(jnp.int32)
        probability = jnp.max(probabilities, axis=-1)
        if stacked:
            places = jnp.array([DIGITS**2, DIGITS, 1], jnp.int32)
            label = label.reshape(-1, channels) @ places
            probability = jnp.prod(probability.reshape(-1, channels), axis=-1)
        return label, probability

    return Namer(jax.jit(name), hashlib.sha256(file.read_bytes()).hexdigest())


def _few(names: Any) -> str:
    return ", ".join(str(name) for name in names[:3]) + (", ..." if len(names) > 3 else "")
