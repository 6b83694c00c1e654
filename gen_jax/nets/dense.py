"""Fully connected networks, on pixels and on latents."""

from math import prod

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gen_jax.nets.heads import hidden, judgement, latent, posterior
from gen_jax.nets.layers import ACTIVATIONS, Dense, Dropout, Norm, leaky_relu


class DenseEncoder(nn.Module):
    """q(z | x, y): images, labels -> mean, logvar, [n, z_dim] each; one hidden layer per width."""

    widths: tuple[int, ...]
    z_dim: int
    num_classes: int
    label_dim: int
    norm: str = "none"
    hidden: int = 0
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "n h w c"],
        labels: Int[Array, "n"],
        train: bool,
        keys: Key[Array, "n"] | None = None,
    ) -> tuple[Float[Array, "n z"], Float[Array, "n z"]]:
        x = images.reshape(len(images), -1)
        for width in self.widths:
            x = leaky_relu(Norm(self.norm, self.num_classes)(Dense(width)(x), labels, train))
            x = Dropout(self.dropout)(x, keys)
        return posterior(self, x, labels, keys)


class DenseGenerator(nn.Module):
    """p(x | z, y): z [n, z_dim], labels -> [n, h, w, c], one hidden layer per width."""

    widths: tuple[int, ...]
    shape: tuple[int, int, int]
    num_classes: int
    label_dim: int
    norm: str = "none"
    hidden: int = 0
    dropout: float = 0.0
    activation: str = "relu"

    @nn.compact
    def __call__(
        self,
        z: Float[Array, "n z"],
        labels: Int[Array, "n"],
        train: bool,
        keys: Key[Array, "n"] | None = None,
    ) -> Float[Array, "n h w c"]:
        activate = ACTIVATIONS[self.activation]
        x = latent(self, z, labels, train, keys)
        for width in self.widths:
            x = activate(Norm(self.norm, self.num_classes)(Dense(width)(x), labels, train))
            x = Dropout(self.dropout)(x, keys)
        return Dense(prod(self.shape))(x).reshape(len(x), *self.shape)


class DenseDiscriminator(nn.Module):
    """Projection discriminator, one hidden layer per width: see `conv.ConvDiscriminator`.

    The features are the last hidden layer.
    """

    widths: tuple[int, ...]
    num_classes: int
    spectral_norm: bool = False
    hidden: int = 0
    norm: str = "none"
    dropout: float = 0.0
    minibatch: str = "none"

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "n h w c"],
        labels: Int[Array, "n"],
        train: bool,
        keys: Key[Array, "n"] | None = None,
    ) -> tuple[Float[Array, "n"], Float[Array, "n f"]]:
        x = images.reshape(len(images), -1)
        for i, width in enumerate(self.widths):
            x = Dense(width, self.spectral_norm)(x, train)
            x = leaky_relu(Norm(self.norm if i else "none", 0)(x, labels, train))
            x = Dropout(self.dropout)(x, keys)
        x = hidden(self, x, train, keys)
        return judgement(self, x, labels, train), x


class LatentDiscriminator(nn.Module):
    """z [n, Z] -> logits [n]: is z drawn jointly, or each of its dimensions by itself?

    FactorVAE's density ratio (Kim & Mnih 2018, appendix A has six hidden layers of 1,000 units).
    """

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, z: Float[Array, "n z"]) -> Float[Array, "n"]:
        x = z
        for width in self.widths:
            x = leaky_relu(Dense(width)(x))
        return jnp.squeeze(Dense(1)(x), axis=-1)
