"""A plain image classifier, in the manner of VGG, whose hidden layers other models look through."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from gen_jax.nets.layers import Conv, Dense, Norm, leaky_relu


class Classifier(nn.Module):
    """Images -> class logits [n, num_classes], and the feature maps on the way there.

    Two convolutions per width (after Simonyan & Zisserman 2015): 3x3 at full size, then 4x4 with
    stride 2, each with batch norm and leaky ReLU; then the mean over positions and a dense layer.
    The feature maps are what the leaky ReLUs give, two per width: number 2i has the size of the
    image over 2^i, number 2i + 1 half of that.
    """

    widths: tuple[int, ...]
    num_classes: int

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], train: bool
    ) -> tuple[Float[Array, "n k"], list[Float[Array, "n i j d"]]]:
        x, maps = images, []
        # Norm asks for labels; batch norm without conditions does not look at them.
        labels = jnp.zeros(len(images), jnp.int32)
        for width in self.widths:
            for stride in (1, 2):
                x = Conv(width, stride=stride)(x)
                x = leaky_relu(Norm("batch", 1)(x, labels, train))
                maps.append(x)
        return Dense(self.num_classes)(jnp.mean(x, axis=(1, 2))), maps
