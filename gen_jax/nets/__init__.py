"""Networks by name. Encoders, generators and discriminators are Linen modules of plain fields."""

from gen_jax.nets.conv import ConvClassifier, ConvDiscriminator, ConvEncoder, ConvGenerator
from gen_jax.nets.resnet import ResNetDiscriminator, ResNetEncoder, ResNetGenerator

ENCODERS = {"conv": ConvEncoder, "resnet": ResNetEncoder}
GENERATORS = {"conv": ConvGenerator, "resnet": ResNetGenerator}
DISCRIMINATORS = {"conv": ConvDiscriminator, "resnet": ResNetDiscriminator}

__all__ = ["DISCRIMINATORS", "ENCODERS", "GENERATORS", "ConvClassifier"]
