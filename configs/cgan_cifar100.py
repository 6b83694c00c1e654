"""The GAN-only baseline of the flagship: its generator and projection discriminator, no encoder.

Networks, losses, rates and epochs are those of `cvae_gan_cifar100` without reconstruction and KL:
conditional batch norm in the generator, a projection discriminator (Miyato & Koyama 2018). Weights
start from DCGAN's N(0, 0.02^2): from the flagship's variance scaling, and without a reconstruction
to guide it, the generator drew one noise for all classes after 200 steps.

Command: python run.py --config=configs/cgan_cifar100.py
Cost: 391 steps an epoch, five minutes on one CPU core (170 img/s).
Result: after 200 steps classes have colours and layouts of their own; docs/results/gan.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "gan"
    config.init_std = 0.02
    config.data.name = "cifar100"
    config.discriminator.norm = "batch"
    return config
