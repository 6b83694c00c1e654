"""Adversarial losses on logits, per example: lower is better for whoever pays."""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import jax.numpy as jnp
from flax.linen import relu, sigmoid, softplus
from jax import grad
from jaxtyping import Array, Float

from gen_jax.errors import UserError, choose

Logits = Float[Array, "b"]
Loss = Callable[[Logits], Logits]


class Adversarial(NamedTuple):
    """What the discriminator pays for real and generated images, and the generator for its own.

    Attributes:
      real: logits of real images -> what the discriminator pays for each.
      fake: logits of generated images -> what it pays for each of these.
      generator: logits of generated images -> what the generator pays for each.
      boundary: the logit of the best discriminator where real and generated images are equally
        likely, above which it takes an image for real; None if the game fixes no such logit.
    """

    real: Loss
    fake: Loss
    generator: Loss
    boundary: float | None


NON_SATURATING = Adversarial(
    real=lambda logits: softplus(-logits),
    fake=softplus,
    generator=lambda logits: softplus(-logits),
    boundary=0.0,
)
"""-log D(x), -log(1 - D(x')), -log D(x'), D = sigmoid(logits), nats (Goodfellow et al. 2014)."""

MINIMAX = NON_SATURATING._replace(generator=lambda logits: -softplus(logits))
"""The same discriminator; the generator pays log(1 - D(x')) (Goodfellow et al. 2014, eq. 1).

Its slope in the logit is -D(x'), which vanishes where the discriminator is sure of x'.
"""

HINGE = Adversarial(
    real=lambda logits: relu(1 - logits),
    fake=lambda logits: relu(1 + logits),
    generator=jnp.negative,
    boundary=0.0,
)
"""max(0, 1 - D(x)), max(0, 1 + D(x')), -D(x') (Lim & Ye 2017; Miyato et al. 2018, eq. 16-17)."""

WASSERSTEIN = Adversarial(
    real=jnp.negative,
    fake=lambda logits: logits,
    generator=jnp.negative,
    boundary=None,
)
"""-D(x), D(x'), -D(x') (Arjovsky et al. 2017, eq. 2-3): D is a critic, free up to a constant."""


def _half_square(target: float) -> Loss:
    return lambda logits: 0.5 * jnp.square(logits - target)


def _least_squares(real: float, fake: float) -> Adversarial:
    return Adversarial(
        real=_half_square(real),
        fake=_half_square(fake),
        generator=_half_square(real),
        boundary=(real + fake) / 2,
    )


LEAST_SQUARES = _least_squares(1.0, 0.0)
"""(D(x) - 1)^2 / 2, D(x')^2 / 2, (D(x') - 1)^2 / 2 (Mao et al. 2017, eq. 9)."""

ADVERSARIAL = {
    "non_saturating": NON_SATURATING,
    "minimax": MINIMAX,
    "hinge": HINGE,
    "least_squares": LEAST_SQUARES,
    "wasserstein": WASSERSTEIN,
}


PROBABILISTIC = ("non_saturating", "minimax")
"""Games in which sigmoid(logit) is the probability that an image is real."""


def confidence(logits: Logits) -> Logits:
    """max(p, 1 - p), p = sigmoid(logit), of the games in `PROBABILISTIC`."""
    return sigmoid(jnp.abs(logits))


def overconfidence(logits: Logits, real: bool) -> Logits:
    """(p - y) * logit, of the games in `PROBABILISTIC`; y is 1 for real images, 0 for generated.

    Its mean is the derivative of -log p(y) in the log of the logits' scale: above 0 where smaller
    logits would predict better, and 0 where no temperature could help (Guo et al. 2017, sec. 4.2).
    Nats.
    """
    return (sigmoid(logits) - real) * logits


def slope(game: Adversarial, logits: Logits) -> Logits:
    """|d loss / d logit| of what the generator pays, over that at the boundary.

    What a saturated loss takes from the generator's gradient: near 0 for minimax's against a
    discriminator that is sure of the samples, about 2 for its non-saturating counterpart. Without
    a boundary, the derivative itself.
    """
    derivative = grad(lambda x: jnp.sum(game.generator(x)))
    pull = jnp.abs(derivative(logits))
    if game.boundary is None:
        return pull
    return pull / jnp.abs(derivative(jnp.full(1, game.boundary)))[0]


def smoothed(name: str, real: float, fake: float) -> Adversarial:
    """The game with targets `real` and `fake` where it has 1 and 0 (Salimans et al. 2016).

    One-sided smoothing leaves `fake` at 0. Where real and generated images are equally likely,
    the best discriminator gives the mean of the targets, which is where the boundary then is. The
    generator pays as before; under least squares its target remains that of real images.

    Args:
      name: a key of `ADVERSARIAL`, the config's loss.adversarial.
      real: the target of real images, loss.real_label.
      fake: the target of generated ones, loss.fake_label.

    Raises:
      UserError: no such game, labels that are not 0 <= fake < real <= 1, or other labels than 1 and
        0 for a game without labels (hinge, Wasserstein).
    """
    game = choose(ADVERSARIAL, name, "loss.adversarial")
    labels = f"loss.real_label={real} and loss.fake_label={fake}"
    if not 0 <= fake < real <= 1:
        raise UserError(f"{labels}: must be 0 <= fake_label < real_label <= 1")
    if (real, fake) == (1, 0):
        return game
    if name == "least_squares":
        return _least_squares(real, fake)
    if name not in ("non_saturating", "minimax"):
        raise UserError(
            f"{labels}: loss.adversarial={name!r} has no labels to smooth; leave them at 1 and 0"
        )
    middle = (real + fake) / 2
    return Adversarial(
        real=_cross_entropy(real),
        fake=_cross_entropy(fake),
        generator=game.generator,
        boundary=log(middle / (1 - middle)),
    )


def _cross_entropy(target: float) -> Loss:
    """-t log D - (1 - t) log(1 - D), nats."""
    return lambda logits: target * softplus(-logits) + (1 - target) * softplus(logits)
