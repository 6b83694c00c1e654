"""Where labels and latents enter a network and leave it, whatever its trunk.

Functions called inside a compact module: the layers they make are that module's own. Codes and
logits are float32, whatever the trunk computes in.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gen_jax.nets.layers import (
    ACTIVATIONS,
    Dense,
    Dropout,
    Embed,
    Norm,
    Projection,
    leaky_relu,
)
from gen_jax.nets.minibatch import MINIBATCH

Labels = Int[Array, "n"]
Keys = Key[Array, "n"] | None


def posterior(
    encoder: Any, x: Float[Array, "n d"], labels: Labels, keys: Keys
) -> tuple[Float[Array, "n z"], Float[Array, "n z"]]:
    """An encoder's end: the label's embedding joins, a hidden layer, then mean and logvar.

    Without classes there is no embedding, with `hidden` 0 no such layer.
    """
    if encoder.num_classes:
        embedded = Embed(encoder.num_classes, encoder.label_dim)(labels)
        x = jnp.concatenate([x, embedded.astype(x.dtype)], axis=-1)
    if encoder.hidden:
        x = Dropout(encoder.dropout)(leaky_relu(Dense(encoder.hidden)(x)), keys)
    x = x.astype(jnp.float32)
    return Dense(encoder.z_dim, name="mean")(x), Dense(encoder.z_dim, name="logvar")(x)


def latent(
    generator: Any, z: Float[Array, "n z"], labels: Labels, train: bool, keys: Keys
) -> Float[Array, "n d"]:
    """A generator's beginning: the label's embedding joins z, then a hidden layer if it has one.

    With `label_dim` 0 no embedding joins, and the label is left to conditional norms.
    The layer is normalised as the others are. Without, its biases may drown z: norms of maps are
    over positions too, and leave a pattern alone that is the same for every z.
    """
    x = z
    if generator.num_classes and generator.label_dim:
        embedded = Embed(generator.num_classes, generator.label_dim)(labels)
        x = jnp.concatenate([x, embedded.astype(x.dtype)], axis=-1)
    if generator.hidden:
        x = Norm(generator.norm, generator.num_classes)(Dense(generator.hidden)(x), labels, train)
        x = ACTIVATIONS[generator.activation](x)
        x = Dropout(generator.dropout)(x, keys)
    return x


def hidden(
    discriminator: Any, x: Float[Array, "n d"], train: bool, keys: Keys
) -> Float[Array, "n f"]:
    """A discriminator's features: `x` through its hidden layer, if it has one."""
    if discriminator.hidden:
        x = leaky_relu(Dense(discriminator.hidden, discriminator.spectral_norm)(x, train))
        x = Dropout(discriminator.dropout)(x, keys)
    return x


def judgement(
    discriminator: Any, features: Float[Array, "n f"], labels: Labels, train: bool
) -> Float[Array, "n"]:
    """A discriminator's end: what it sees of the batch joins the features, then the projection.

    logit = w . phi + b + <w_y, phi> (Miyato & Koyama 2018, eq. 3 and fig. 2). Without classes there
    is no w_y.
    """
    features = features.astype(jnp.float32)
    if discriminator.minibatch != "none":
        batch = MINIBATCH[discriminator.minibatch]()(features, train)
        features = jnp.concatenate([features, batch], axis=-1)
    normalised = discriminator.spectral_norm
    logits = Dense(1, spectral_norm=normalised, name="linear")(features, train)[:, 0]
    if discriminator.num_classes:
        projection = Projection(discriminator.num_classes, normalised, name="projection")
        logits += projection(features, labels, train)
    return logits
