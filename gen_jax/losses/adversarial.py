"""Adversarial losses on logits, per example: lower is better for whoever pays."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from flax.linen import relu, softplus
from jaxtyping import Array, Float

Logits = Float[Array, "b"]


class Adversarial(NamedTuple):
    """What the discriminator pays for real and generated images, and the generator for its own."""

    real: Callable[[Logits], Logits]
    fake: Callable[[Logits], Logits]
    generator: Callable[[Logits], Logits]


NON_SATURATING = Adversarial(
    real=lambda logits: softplus(-logits),
    fake=softplus,
    generator=lambda logits: softplus(-logits),
)
"""-log D(x), -log(1 - D(x')), -log D(x'), D = sigmoid(logits), nats (Goodfellow et al. 2014)."""

HINGE = Adversarial(
    real=lambda logits: relu(1 - logits),
    fake=lambda logits: relu(1 + logits),
    generator=jnp.negative,
)
"""max(0, 1 - D(x)), max(0, 1 + D(x')), -D(x') (Lim & Ye 2017; Miyato et al. 2018, eq. 16-17)."""

ADVERSARIAL = {"non_saturating": NON_SATURATING, "hinge": HINGE}
