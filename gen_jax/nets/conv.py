"""Plain convolutional networks: DCGAN-shaped, stride 2 throughout, conditional on a label."""

import flax.linen as nn
from jaxtyping import Array, Float, Int, Key

from gen_jax.nets.attention import SelfAttention
from gen_jax.nets.heads import hidden, judgement, latent, posterior
from gen_jax.nets.layers import ACTIVATIONS, Conv, ConvTranspose, Dense, Dropout, Norm, leaky_relu


class ConvEncoder(nn.Module):
    """q(z | x, y): images, labels -> mean, logvar, [n, z_dim] each.

    One stride-2 convolution per width, then `heads.posterior`.
    """

    widths: tuple[int, ...]
    z_dim: int
    num_classes: int
    label_dim: int
    norm: str = "batch"
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
        x = images
        for width in self.widths:
            x = Conv(width, stride=2)(x)
            x = leaky_relu(Norm(self.norm, self.num_classes)(x, labels, train))
            x = Dropout(self.dropout)(x, keys)
        return posterior(self, x.reshape(len(x), -1), labels, keys)


class ConvGenerator(nn.Module):
    """p(x | z, y): z [n, z_dim], labels -> [n, h, w, c], what a likelihood or tanh makes images of.

    `heads.latent` to `widths[0]` channels, then one transposed convolution per width: to the next
    width, and the last to the image's channels. Norms are by channel, over positions (Radford et
    al. 2016); with a `hidden` layer the first maps have theirs by unit, before they are maps (Chen
    et al. 2016). Hidden maps of height `attention` attend to themselves.
    """

    widths: tuple[int, ...]
    shape: tuple[int, int, int]
    num_classes: int
    label_dim: int
    norm: str = "batch"
    hidden: int = 0
    dropout: float = 0.0
    activation: str = "relu"
    attention: int = 0

    @nn.compact
    def __call__(
        self,
        z: Float[Array, "n z"],
        labels: Int[Array, "n"],
        train: bool,
        keys: Key[Array, "n"] | None = None,
    ) -> Float[Array, "n h w c"]:
        height, width, channels = self.shape
        scale = 2 ** len(self.widths)

        def activated(x: Array) -> Array:
            return ACTIVATIONS[self.activation](Norm(self.norm, self.num_classes)(x, labels, train))

        def attended(x: Array) -> Array:
            return SelfAttention()(x, train) if x.shape[1] == self.attention else x

        def maps(x: Array) -> Array:
            return x.reshape(len(x), height // scale, width // scale, self.widths[0])

        x = latent(self, z, labels, train, keys)
        x = Dense(height // scale * (width // scale) * self.widths[0])(x)
        x = attended(maps(activated(x)) if self.hidden else activated(maps(x)))
        for features in self.widths[1:]:
            x = ConvTranspose(features)(Dropout(self.dropout)(x, keys))
            x = attended(activated(x))
        return ConvTranspose(channels)(x)


class ConvDiscriminator(nn.Module):
    """Projection discriminator: images, labels -> logits [n], features [n, f]; see `judgement`.

    One stride-2 convolution per width, the first without norm (Radford et al. 2016); maps of height
    `attention` attend to themselves. The features are the last hidden layer, or with `hidden` 0 the
    last maps, flattened; what `minibatch` sees of the batch is not among them. `num_classes` 0
    drops the label's term. Every activation is sown as "maps" in "intermediates".
    """

    widths: tuple[int, ...]
    num_classes: int
    spectral_norm: bool = False
    hidden: int = 0
    norm: str = "none"
    dropout: float = 0.0
    attention: int = 0
    minibatch: str = "none"

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "n h w c"],
        labels: Int[Array, "n"],
        train: bool,
        keys: Key[Array, "n"] | None = None,
    ) -> tuple[Float[Array, "n"], Float[Array, "n f"]]:
        x = images
        for i, width in enumerate(self.widths):
            x = Conv(width, stride=2, spectral_norm=self.spectral_norm)(x, train)
            x = leaky_relu(Norm(self.norm if i else "none", 0)(x, labels, train))
            self.sow("intermediates", "maps", x)
            x = Dropout(self.dropout)(x, keys)
            if x.shape[1] == self.attention:
                x = SelfAttention(self.spectral_norm)(x, train)
        x = hidden(self, x.reshape(len(x), -1), train, keys)
        return judgement(self, x, labels, train), x


class ConvClassifier(nn.Module):
    """Images -> class logits [n, num_classes], features [n, 2 * widths[-1]]."""

    widths: tuple[int, ...]
    num_classes: int

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], train: bool = False
    ) -> tuple[Float[Array, "n k"], Float[Array, "n f"]]:
        del train  # nothing here differs
        x = images
        for width in self.widths:
            x = leaky_relu(Conv(width, stride=2)(x))
        features = leaky_relu(Dense(2 * self.widths[-1])(x.reshape(len(x), -1)))
        return Dense(self.num_classes)(features), features
