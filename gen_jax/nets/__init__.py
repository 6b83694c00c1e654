"""Networks by name. Encoders, generators and discriminators are Linen modules of plain fields."""

from gen_jax.nets.conv import ConvClassifier, ConvDiscriminator, ConvEncoder, ConvGenerator
from gen_jax.nets.dense import (
    DenseDiscriminator,
    DenseEncoder,
    DenseGenerator,
    LatentDiscriminator,
)
from gen_jax.nets.resnet import ResNetDiscriminator, ResNetEncoder, ResNetGenerator

ENCODERS = {"dense": DenseEncoder, "conv": ConvEncoder, "resnet": ResNetEncoder}
GENERATORS = {"dense": DenseGenerator, "conv": ConvGenerator, "resnet": ResNetGenerator}
DISCRIMINATORS = {
    "dense": DenseDiscriminator,
    "conv": ConvDiscriminator,
    "resnet": ResNetDiscriminator,
}

__all__ = ["DISCRIMINATORS", "ENCODERS", "GENERATORS", "ConvClassifier", "LatentDiscriminator"]
