"""Conditional VAE-GAN on the embedded `shapes`: the quick tour, no download.

Same model and objective as cvae_gan_cifar100, a smaller net on rendered shapes.

Command: python run.py --config=configs/cvae_gan_shapes.py
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.data.name = "shapes"
    config.num_epochs = 6.0
    config.sample_every = 200
    config.eval_every = 400
    config.checkpoint_every = 200
    config.z_dim = 32
    config.encoder.widths = (32, 64, 128)
    config.generator.widths = (128, 64, 32)
    return config
