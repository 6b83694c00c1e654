"""Likelihoods p(x | z) of pixels in [-1, 1], given what a generator puts out.

A generator's `outputs` have the shape of an image and any real value. Densities and probabilities
are per pixel and channel, natural logarithms.
"""

from collections.abc import Callable
from math import log, pi
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax.linen import log_sigmoid, sigmoid, softplus
from jaxtyping import Array, Float, Key

Pixels = Float[Array, "n h w c"]
Scale = Float[Array, ""]
HALF_BIN = 1 / 255
"""Half the distance between neighbouring values of 8-bit pixels scaled to [-1, 1]."""


class Likelihood(NamedTuple):
    """A family of distributions of a pixel.

    Attributes:
      log_prob: (outputs, images, log_scale) -> log p of every value, nats (of a density on [-1, 1]
        for the Gaussian ones, of a probability for the others).
      mean: outputs -> images in [-1, 1].
      learned_scale: the initial value of a global log_scale to be learned; None if there is none.
    """

    log_prob: Callable[[Pixels, Pixels, Scale], Pixels]
    mean: Callable[[Pixels], Pixels]
    learned_scale: float | None = None


def _gaussian(outputs: Pixels, images: Pixels, log_sigma: Scale) -> Pixels:
    error = (images - jnp.tanh(outputs)) * jnp.exp(-log_sigma)
    return -0.5 * jnp.square(error) - log_sigma - 0.5 * log(2 * pi)


def _bernoulli(outputs: Pixels, images: Pixels, log_scale: Scale) -> Pixels:
    del log_scale  # it has none
    # Grey pixels count as so much of a one: what is bounded then is no log-likelihood.
    ones = (images + 1) / 2
    return ones * outputs - softplus(outputs)


def _logistic(outputs: Pixels, images: Pixels, log_scale: Scale) -> Pixels:
    centre, inverse = jnp.tanh(outputs), jnp.exp(-log_scale)
    above, below = ((images + side - centre) * inverse for side in (HALF_BIN, -HALF_BIN))
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which cannot cancel.
    width = jnp.log1p(-jnp.exp(-2 * HALF_BIN * inverse))
    inside = log_sigmoid(above) + log_sigmoid(-below) + width
    # The outermost bins reach to infinity.
    darkest, brightest = images < -1 + HALF_BIN, images > 1 - HALF_BIN
    return jnp.where(darkest, log_sigmoid(above), jnp.where(brightest, log_sigmoid(-below), inside))


GAUSSIAN = Likelihood(_gaussian, jnp.tanh)
"""N(x; tanh(outputs), sigma^2) with the sigma of the config."""

GAUSSIAN_LEARNED = Likelihood(_gaussian, jnp.tanh, learned_scale=0.0)
"""The same with one sigma for all pixels, learned (Rybkin et al. 2021, section 3)."""

BERNOULLI = Likelihood(_bernoulli, lambda outputs: 2 * sigmoid(outputs) - 1)
"""Black (-1) or white (1) with logits `outputs`."""

LOGISTIC = Likelihood(_logistic, jnp.tanh, learned_scale=-2.0)
"""Logistic around tanh(outputs), scale learned, integrated over the 256 bins of an 8-bit value
(Kingma et al. 2016, appendix; Salimans et al. 2017, section 2.1, with one component)."""

LIKELIHOODS = {
    "gaussian": GAUSSIAN,
    "gaussian_learned": GAUSSIAN_LEARNED,
    "bernoulli": BERNOULLI,
    "logistic": LOGISTIC,
}


def _threshold(keys: Key[Array, "n"], images: Pixels) -> Pixels:
    del keys
    return jnp.where(images > 0, 1.0, -1.0)


def _dynamic(keys: Key[Array, "n"], images: Pixels) -> Pixels:
    white = jax.vmap(jax.random.bernoulli)(keys, (images + 1) / 2)
    return jnp.where(white, 1.0, -1.0)


BINARISE: dict[str, Callable[[Key[Array, "n"], Pixels], Pixels] | None] = {
    "none": None,
    "threshold": _threshold,
    "dynamic": _dynamic,
}
"""Grey pixels to -1 and 1: by a threshold at the middle, or white with the pixel's brightness as
probability, drawn anew every time (Salakhutdinov & Murray 2008; Burda et al. 2016, section 5).
Likelihoods under the one and the other are not comparable."""
