"""The project's own classifier as evaluations use it: images in, class and probability out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from gen_jax.data.spec import DataSpec
from gen_jax.features import judge

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
    stacked, (height, width, channels) = spec.name == STACKED, spec.shape
    single = spec._replace(name="mnist", shape=(height, width, 1), class_names=_DIGITS)
    found = judge.load(path, single if stacked else spec)

    def name(images: Float[Array, "n h w c"]) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
        if stacked:
            images = jnp.moveaxis(images, -1, 1).reshape(-1, height, width, 1)
        probabilities = jax.nn.softmax(found.apply(images)[1])
        label = jnp.argmax(probabilities, axis=-1).astype(jnp.int32)
        probability = jnp.max(probabilities, axis=-1)
        if stacked:
            places = jnp.array([DIGITS**2, DIGITS, 1], jnp.int32)
            label = label.reshape(-1, channels) @ places
            probability = jnp.prod(probability.reshape(-1, channels), axis=-1)
        return label, probability

    return Namer(jax.jit(name), found.digest)
