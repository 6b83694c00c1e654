"""The networks of `gen_jax.nets` in PyTorch, as one would write them there.

Attributes bear the names of Flax's parameters, so that `load` can copy a whole tree of them over:
`tests/benchmarks` holds each network against its original. Images are [n, c, h, w], channels last
in memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


def leaky_relu(x: Tensor) -> Tensor:
    """With DCGAN's slope."""
    return F.leaky_relu(x, 0.2)


def flat(x: Tensor) -> Tensor:
    """[n, c, h, w] to [n, h * w * c], which copies nothing of channels-last maps."""
    return x.permute(0, 2, 3, 1).flatten(1)


def maps(x: Tensor, channels: int) -> Tensor:
    """[n, s * s * c] to [n, c, s, s]."""
    side = round((x.shape[1] / channels) ** 0.5)
    return x.unflatten(1, (side, side, channels)).permute(0, 3, 1, 2)


class ConditionalBatchNorm(nn.Module):
    """Batch norm with a gain and a bias per class."""

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.BatchNorm_0 = nn.BatchNorm2d(channels, affine=False, momentum=0.1)
        self.gain = nn.Parameter(torch.ones(num_classes, channels))
        self.bias = nn.Parameter(torch.zeros(num_classes, channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        gain, bias = self.gain[labels], self.bias[labels]
        return torch.addcmul(bias[:, :, None, None], self.BatchNorm_0(x), gain[:, :, None, None])


class BatchNorm(nn.Module):
    """Plain batch norm, which takes labels and ignores them."""

    def __init__(self, channels: int):
        super().__init__()
        self.BatchNorm_0 = nn.BatchNorm2d(channels, momentum=0.1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.BatchNorm_0(x)


class NoNorm(nn.Module):
    """What it is given."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return x


def make_norm(kind: str, channels: int, num_classes: int) -> nn.Module:
    """A norm by the name it has in a config."""
    if kind == "none":
        return NoNorm()
    return BatchNorm(channels) if kind == "batch" else ConditionalBatchNorm(channels, num_classes)


class ConvEncoder(nn.Module):
    """See `gen_jax.nets.conv.ConvEncoder`."""

    def __init__(self, shape, num_classes, widths, z_dim, label_dim, norm: str, hidden: int):
        super().__init__()
        side, _, channels = shape
        self.depth, self.hidden = len(widths), hidden
        for i, width in enumerate(widths):
            setattr(self, f"Conv_{i}", nn.Conv2d(channels, width, 4, 2, 1))
            setattr(self, f"Norm_{i}", make_norm(norm, width, num_classes))
            channels, side = width, side // 2
        units = channels * side**2
        if num_classes:
            self.Embed_0 = nn.Embedding(num_classes, label_dim)
            units += label_dim
        if hidden:
            self.Dense_0 = nn.Linear(units, hidden)
            units = hidden
        self.mean, self.logvar = nn.Linear(units, z_dim), nn.Linear(units, z_dim)

    def forward(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        for i in range(self.depth):
            x = leaky_relu(getattr(self, f"Norm_{i}")(getattr(self, f"Conv_{i}")(x), labels))
        x = flat(x)
        if hasattr(self, "Embed_0"):
            x = torch.cat([x, self.Embed_0(labels)], dim=1)
        if self.hidden:
            x = leaky_relu(self.Dense_0(x))
        return self.mean(x), self.logvar(x)


class ConvGenerator(nn.Module):
    """See `gen_jax.nets.conv.ConvGenerator`."""

    def __init__(self, shape, num_classes, widths, z_dim, label_dim, norm: str):
        super().__init__()
        side, _, channels = shape
        self.widths, units = widths, z_dim
        if num_classes and label_dim:
            self.Embed_0 = nn.Embedding(num_classes, label_dim)
            units += label_dim
        self.Dense_0 = nn.Linear(units, widths[0] * (side // 2 ** len(widths)) ** 2)
        for i, width in enumerate((*widths[1:], channels)):
            setattr(self, f"Norm_{i}", make_norm(norm, widths[i], num_classes))
            setattr(self, f"ConvTranspose_{i}", nn.ConvTranspose2d(widths[i], width, 4, 2, 1))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        if hasattr(self, "Embed_0"):
            z = torch.cat([z, self.Embed_0(labels)], dim=1)
        x = maps(self.Dense_0(z), self.widths[0])
        for i in range(len(self.widths)):
            x = F.relu(getattr(self, f"Norm_{i}")(x, labels))
            x = getattr(self, f"ConvTranspose_{i}")(x)
        return x


class Judgement(nn.Module):
    """The end of a discriminator: a linear map of its features, and the projection of the label."""

    def __init__(self, units: int, num_classes: int, spectral: bool):
        super().__init__()
        wrap = spectral_norm if spectral else lambda module: module
        self.linear = wrap(nn.Linear(units, 1))
        if num_classes:
            self.projection = wrap(nn.Embedding(num_classes, units))

    def judge(self, features: Tensor, labels: Tensor) -> Tensor:
        logits = self.linear(features)[:, 0]
        if hasattr(self, "projection"):
            logits = logits + torch.sum(self.projection(labels) * features, dim=1)
        return logits


class ConvDiscriminator(Judgement):
    """See `gen_jax.nets.conv.ConvDiscriminator`."""

    def __init__(self, shape, num_classes, widths, norm: str, hidden: int):
        side, _, channels = shape
        units = hidden or widths[-1] * (side // 2 ** len(widths)) ** 2
        super().__init__(units, num_classes, spectral=False)
        self.depth, self.hidden = len(widths), hidden
        for i, width in enumerate(widths):
            setattr(self, f"Conv_{i}", nn.Conv2d(channels, width, 4, 2, 1))
            setattr(self, f"Norm_{i}", make_norm(norm if i else "none", width, 0))
            channels, side = width, side // 2
        if hidden:
            self.Dense_0 = nn.Linear(channels * side**2, hidden)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        for i in range(self.depth):
            x = leaky_relu(getattr(self, f"Norm_{i}")(getattr(self, f"Conv_{i}")(x), labels))
        x = flat(x)
        if self.hidden:
            x = leaky_relu(self.Dense_0(x))
        return self.judge(x, labels)


class UpBlock(nn.Module):
    """See `gen_jax.nets.resnet.UpBlock`."""

    def __init__(self, channels: int, width: int, kind: str):
        super().__init__()
        self.Norm_0 = make_norm(kind, channels, 0)
        self.Norm_1 = make_norm(kind, width, 0)
        self.Conv_0 = nn.Conv2d(channels, width, 3, 1, 1)
        self.Conv_1 = nn.Conv2d(channels, width, 1)
        self.Conv_2 = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        double = lambda image: F.interpolate(image, scale_factor=2, mode="nearest")  # noqa: E731
        residual = self.Conv_0(double(F.relu(self.Norm_0(x, labels))))
        residual = self.Conv_2(F.relu(self.Norm_1(residual, labels)))
        return double(self.Conv_1(x)) + residual


class ResNetGenerator(nn.Module):
    """See `gen_jax.nets.resnet.ResNetGenerator`; without labels."""

    def __init__(self, shape, num_classes, widths, z_dim, label_dim, norm: str):
        super().__init__()
        side, _, channels = shape
        self.widths = widths
        self.Dense_0 = nn.Linear(z_dim, widths[0] * (side // 2 ** len(widths)) ** 2)
        for i, width in enumerate(widths):
            setattr(self, f"UpBlock_{i}", UpBlock(widths[max(i - 1, 0)], width, norm))
        self.Norm_0 = make_norm(norm, widths[-1], 0)
        self.Conv_0 = nn.Conv2d(widths[-1], channels, 3, 1, 1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = maps(self.Dense_0(z), self.widths[0])
        for i in range(len(self.widths)):
            x = getattr(self, f"UpBlock_{i}")(x, labels)
        return self.Conv_0(F.relu(self.Norm_0(x, labels)))


class DownBlock(nn.Module):
    """See `gen_jax.nets.resnet.DownBlock`; spectrally normalised, without norms."""

    def __init__(self, channels: int, width: int, down: bool, first: bool, spectral: bool):
        super().__init__()
        wrap = spectral_norm if spectral else lambda module: module
        self.down, self.first = down, first
        self.Conv_0 = wrap(nn.Conv2d(channels, width, 3, 1, 1))
        self.Conv_1 = wrap(nn.Conv2d(width, width, 3, 1, 1))
        self.shortcut = down or channels != width
        if self.shortcut:
            self.Conv_2 = wrap(nn.Conv2d(channels, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        halve = lambda image: F.avg_pool2d(image, 2) if self.down else image  # noqa: E731
        residual = self.Conv_0(x if self.first else F.relu(x))
        residual = self.Conv_1(F.relu(residual))
        shortcut = halve(x)
        return halve(residual) + (self.Conv_2(shortcut) if self.shortcut else shortcut)


class ResNetDiscriminator(Judgement):
    """See `gen_jax.nets.resnet.ResNetDiscriminator`; without norms."""

    def __init__(self, shape, num_classes, widths, spectral: bool):
        super().__init__(widths[-1], num_classes, spectral)
        channels, self.depth = shape[-1], len(widths)
        for i, width in enumerate(widths):
            block = DownBlock(channels, width, i < 2, i == 0, spectral)
            setattr(self, f"DownBlock_{i}", block)
            channels = width

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        for i in range(self.depth):
            x = getattr(self, f"DownBlock_{i}")(x)
        return self.judge(F.relu(x).sum(dim=(2, 3)), labels)


def build(config: dict[str, Any], shape: tuple[int, int, int], classes: int) -> nn.ModuleDict:
    """The networks of a config (`ConfigDict.to_dict()`), by the names they have there."""
    classes = classes if config["conditional"] else 0
    nets: dict[str, nn.Module] = {}
    section = config["generator"]
    generator = {"conv": ConvGenerator, "resnet": ResNetGenerator}[section["net"]]
    label_dim = config["label_dim"] if section["label"] == "input" else 0
    nets["generator"] = generator(
        shape, classes, section["widths"], config["z_dim"], label_dim, section["norm"]
    )
    if config["family"] != "gan":
        section = config["encoder"]
        nets["encoder"] = ConvEncoder(
            shape,
            classes,
            section["widths"],
            config["z_dim"],
            config["label_dim"],
            section["norm"],
            section["hidden"],
        )
    if config["family"] != "vae":
        section = config["discriminator"]
        args = (shape, classes, section["widths"])
        if section["net"] == "conv":
            nets["discriminator"] = ConvDiscriminator(*args, section["norm"], section["hidden"])
        else:
            nets["discriminator"] = ResNetDiscriminator(*args, section["spectral_norm"])
    return nn.ModuleDict(nets)


def matched(module: nn.Module, params: dict[str, Any]) -> Iterator[tuple[nn.Parameter, np.ndarray]]:
    """Every parameter with its array of a tree of Flax's, laid out as PyTorch has it."""
    for name, value in params.items():
        if isinstance(value, dict):
            yield from matched(getattr(module, name), value)
            continue
        array = np.asarray(value)
        if name == "kernel":
            # Convolutions are stored [h, w, in, out], transposed ones as those they transpose.
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        target = {"kernel": "weight", "table": "weight", "scale": "weight"}.get(name, name)
        if target == "weight" and hasattr(module, "parametrizations"):
            yield module.parametrizations.weight.original, array
        else:
            yield getattr(module, target), array


@torch.no_grad()
def load(module: nn.Module, params: dict[str, Any]) -> None:
    """Copies a tree of Flax's parameters into a module built by `build`."""
    for parameter, array in matched(module, params):
        parameter.copy_(torch.from_numpy(array.copy()))
