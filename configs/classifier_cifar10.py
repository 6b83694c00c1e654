"""A small classifier of CIFAR-10, whose feature maps the perceptual loss compares images by.

Six convolutions with batch norm, the mean over positions, one dense layer; mirrored images,
AdamW, the learning rate falling to 0 along a cosine, 15 epochs. At its end the run leaves
runs/classifier_cifar10/classifier.npz, which --config.perceptual.weights takes.

Command: python run.py --config=configs/classifier_cifar10.py
Cost: 5,860 steps of 239,162 parameters, about six minutes on two CPU cores (2,000 img/s when they
are otherwise idle).
Result: test accuracy 0.787, cross-entropy 0.613 nats; docs/results/vae.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "classifier"
    config.data.name = "cifar10"
    config.data.flip = True
    config.num_epochs = 15.0
    config.sample_every = 0
    config.classifier.widths = (16, 48, 96)
    config.classifier.lr = 2e-3
    config.optimizer.b1 = 0.9
    config.optimizer.weight_decay = 0.05
    config.optimizer.decay_epochs = 15.0
    return config
