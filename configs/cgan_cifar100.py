"""The GAN-only baseline of the flagship: its generator and projection discriminator, no encoder.

Networks, losses, rates and epochs are those of `cvae_gan_cifar100` without reconstruction and KL:
conditional batch norm in the generator, a projection discriminator (Miyato & Koyama 2018).

Command: python run.py --config=configs/cgan_cifar100.py
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "gan"
    config.data.name = "cifar100"
    return config
