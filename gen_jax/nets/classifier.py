"""Image classifiers whose hidden layers others look through: a plain one and a residual one.

Both give class logits [n, num_classes] and the feature maps on the way there, `layers` of them. The
mean over positions of the last map is what the one dense layer sees: the "penultimate" features.
Each halves images `halvings` times, and a perceptual loss compares the maps `compared` unless it is
asked for others.
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from gen_jax.nets.layers import Conv, Dense, Norm, leaky_relu

Maps = list[Float[Array, "n i j d"]]


class Classifier(nn.Module):
    """A plain convolutional classifier, in the manner of VGG.

    Two convolutions per width (after Simonyan & Zisserman 2015): 3x3 at full size, then 4x4 with
    stride 2, each with batch norm and leaky ReLU; then the mean over positions and a dense layer.
    The feature maps are what the leaky ReLUs give, two per width: number 2i has the size of the
    image over 2^i, number 2i + 1 half of that. Compared is the first of each width.
    """

    widths: tuple[int, ...]
    num_classes: int

    @property
    def architecture(self) -> str:
        return f"conv {_joined(self.widths)}"

    @property
    def halvings(self) -> int:
        return len(self.widths)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(
            f"{width} channels at 1/{2 ** (i + j)}"
            for i, width in enumerate(self.widths)
            for j in range(2)
        )

    @property
    def compared(self) -> tuple[int, ...]:
        return tuple(range(0, 2 * len(self.widths), 2))

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], train: bool
    ) -> tuple[Float[Array, "n k"], Maps]:
        x, maps, labels = images, [], _no_labels(images)
        for width in self.widths:
            for stride in (1, 2):
                x = Conv(width, stride=stride)(x)
                x = leaky_relu(Norm("batch", 1)(x, labels, train))
                maps.append(x)
        features = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
        return Dense(self.num_classes)(features), maps


class BasicBlock(nn.Module):
    """Two convolutions with batch norm and a shortcut, added, then ReLU (He et al. 2016, sec. 3).

    [n, h, w, c] -> [n, h / stride, w / stride, features]. With stride 2 the first convolution is
    `Conv`'s of 4x4, and the shortcut takes the mean of each 2x2 pixels before its 1x1 convolution,
    which thus sees every pixel (He et al. 2019, ResNet-D). Where nothing changes size the shortcut
    is the identity.
    """

    features: int
    stride: int = 1

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], labels: Int[Array, "n"], train: bool
    ) -> Float[Array, "n i j d"]:
        def norm(x):
            return Norm("batch", 1)(x, labels, train)

        residual = nn.relu(norm(Conv(self.features, stride=self.stride)(x)))
        residual = norm(Conv(self.features)(residual))
        shortcut = x if self.stride == 1 else nn.avg_pool(x, (2, 2), (2, 2))
        if shortcut.shape != residual.shape:
            shortcut = norm(Conv(self.features, size=1)(shortcut))
        return nn.relu(residual + shortcut)


class ResNetClassifier(nn.Module):
    """A small residual network for images of about 32x32 (after He et al. 2016, section 4.2).

    A 3x3 convolution with batch norm and ReLU, then a stage of `blocks` basic blocks per width, of
    which every stage but the first halves the image; then the mean over positions and a dense
    layer. The feature maps are what the stages give: number i has the size of the image over 2^i.
    """

    widths: tuple[int, ...]
    num_classes: int
    blocks: int = 1

    @property
    def architecture(self) -> str:
        return f"resnet {_joined(self.widths)}, {self.blocks} block{'s'[: self.blocks > 1]} each"

    @property
    def halvings(self) -> int:
        return len(self.widths) - 1

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(f"{width} channels at 1/{2**i}" for i, width in enumerate(self.widths))

    @property
    def compared(self) -> tuple[int, ...]:
        return tuple(range(len(self.widths)))

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], train: bool
    ) -> tuple[Float[Array, "n k"], Maps]:
        maps, labels = [], _no_labels(images)
        x = nn.relu(Norm("batch", 1)(Conv(self.widths[0])(images), labels, train))
        for i, width in enumerate(self.widths):
            for j in range(self.blocks):
                x = BasicBlock(width, stride=2 if i and not j else 1)(x, labels, train)
            maps.append(x)
        features = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
        return Dense(self.num_classes)(features), maps


Net = Classifier | ResNetClassifier

CLASSIFIERS: dict[str, Callable[[tuple[int, ...], int, int], Net]] = {
    "conv": lambda widths, num_classes, blocks: Classifier(widths, num_classes),
    "resnet": ResNetClassifier,
}
"""(widths, num_classes, blocks) -> network; the plain one has no blocks."""


def _joined(widths: tuple[int, ...]) -> str:
    return "-".join(map(str, widths))


def _no_labels(images: Float[Array, "n h w c"]) -> Int[Array, "n"]:
    """Norm asks for labels; batch norm without conditions does not look at them."""
    return jnp.zeros(len(images), jnp.int32)
