"""Residual networks after SNGAN's for 32x32 (Miyato et al. 2018, appendix B.4)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gen_jax.nets.attention import SelfAttention
from gen_jax.nets.heads import judgement, latent, posterior
from gen_jax.nets.layers import ACTIVATIONS, Conv, Dense, Dropout, Norm

Image = Float[Array, "n h w c"]
Labels = Int[Array, "n"]
Keys = Key[Array, "n"] | None


def _halve(x: Image) -> Image:
    return nn.avg_pool(x, (2, 2), (2, 2))


def _double(x: Image) -> Image:
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


class UpBlock(nn.Module):
    """Doubles height and width: twice norm, activation and conv, upsampled, and a shortcut."""

    features: int
    norm: str
    num_classes: int
    activation: str = "relu"

    @nn.compact
    def __call__(self, x: Image, labels: Labels, train: bool) -> Image:
        activate = ACTIVATIONS[self.activation]
        residual = activate(Norm(self.norm, self.num_classes)(x, labels, train))
        residual = Conv(self.features)(_double(residual))
        residual = activate(Norm(self.norm, self.num_classes)(residual, labels, train))
        # A 1x1 convolution commutes with nearest-neighbour upsampling and is 4x cheaper before it.
        return _double(Conv(self.features, size=1)(x)) + Conv(self.features)(residual)


class DownBlock(nn.Module):
    """Residual block, halving height and width if `down`; `first` skips the leading activation."""

    features: int
    norm: str = "none"
    num_classes: int = 0
    spectral_norm: bool = False
    down: bool = True
    first: bool = False

    @nn.compact
    def __call__(self, x: Image, labels: Labels, train: bool) -> Image:
        residual = x
        if not self.first:
            residual = nn.relu(Norm(self.norm, self.num_classes)(residual, labels, train))
        residual = Conv(self.features, spectral_norm=self.spectral_norm)(residual, train)
        residual = nn.relu(Norm(self.norm, self.num_classes)(residual, labels, train))
        residual = Conv(self.features, spectral_norm=self.spectral_norm)(residual, train)
        shortcut = _halve(x) if self.down else x
        if self.down or x.shape[-1] != self.features:
            shortcut = Conv(self.features, size=1, spectral_norm=self.spectral_norm)(
                shortcut, train
            )
        return (_halve(residual) if self.down else residual) + shortcut


class ResNetEncoder(nn.Module):
    """q(z | x, y): one halving block per width, then `heads.posterior`."""

    widths: tuple[int, ...]
    z_dim: int
    num_classes: int
    label_dim: int
    norm: str = "batch"
    hidden: int = 0
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, images: Image, labels: Labels, train: bool, keys: Keys = None
    ) -> tuple[Float[Array, "n z"], Float[Array, "n z"]]:
        x = images
        for i, width in enumerate(self.widths):
            x = DownBlock(width, self.norm, self.num_classes, first=i == 0)(x, labels, train)
            x = Dropout(self.dropout)(x, keys)
        x = nn.relu(Norm(self.norm, self.num_classes)(x, labels, train)).reshape(len(x), -1)
        return posterior(self, x, labels, keys)


class ResNetGenerator(nn.Module):
    """p(x | z, y): `heads.latent`, a dense layer, one doubling block per width, norm, relu, conv.

    What comes out is for a likelihood or tanh to make images of. Maps of height `attention`, the
    first or a block's, attend to themselves.
    """

    widths: tuple[int, ...]
    shape: tuple[int, int, int]
    num_classes: int
    label_dim: int
    norm: str = "conditional_batch"
    hidden: int = 0
    dropout: float = 0.0
    activation: str = "relu"
    attention: int = 0

    @nn.compact
    def __call__(
        self, z: Float[Array, "n z"], labels: Labels, train: bool, keys: Keys = None
    ) -> Image:
        height, width, channels = self.shape
        scale = 2 ** len(self.widths)
        x = latent(self, z, labels, train, keys)
        x = Dense(height // scale * (width // scale) * self.widths[0])(x)
        x = x.reshape(len(x), height // scale, width // scale, self.widths[0])
        if x.shape[1] == self.attention:
            x = SelfAttention()(x, train)
        for features in self.widths:
            block = UpBlock(features, self.norm, self.num_classes, self.activation)
            x = Dropout(self.dropout)(block(x, labels, train), keys)
            if x.shape[1] == self.attention:
                x = SelfAttention()(x, train)
        x = ACTIVATIONS[self.activation](Norm(self.norm, self.num_classes)(x, labels, train))
        return Conv(channels)(x)


class ResNetDiscriminator(nn.Module):
    """Projection discriminator: one block per width, the first two halving, then a global sum.

    Images, labels -> logits [n], features [n, f]; see `conv.ConvDiscriminator`, but for `hidden`,
    which the sum replaces. The first block has no norm. What is sown is the ReLU of each block.
    """

    widths: tuple[int, ...]
    num_classes: int
    spectral_norm: bool = False
    norm: str = "none"
    dropout: float = 0.0
    attention: int = 0
    minibatch: str = "none"

    @nn.compact
    def __call__(
        self, images: Image, labels: Labels, train: bool, keys: Keys = None
    ) -> tuple[Float[Array, "n"], Float[Array, "n f"]]:
        x = images
        for i, width in enumerate(self.widths):
            norm, down = self.norm if i else "none", i < 2
            block = DownBlock(width, norm, 0, self.spectral_norm, down=down, first=i == 0)
            x = block(x, labels, train)
            self.sow("intermediates", "maps", nn.relu(x))
            x = Dropout(self.dropout)(x, keys)
            # Blocks that do not halve have that height as well, and attend no more.
            if down and x.shape[1] == self.attention:
                x = SelfAttention(self.spectral_norm)(x, train)
        features = jnp.sum(nn.relu(x), axis=(1, 2))
        return judgement(self, features, labels, train), features
