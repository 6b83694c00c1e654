"""A conditional SNGAN on CIFAR-100 (Miyato & Koyama 2018): the GAN-only baseline at full strength.

`sngan_cifar10` with conditional batch norm and a projection discriminator. For an accelerator.

Command: python run.py --config=configs/cgan_resnet_cifar100.py
Cost: as sngan_cifar10.
Result: not run yet.
"""

from ml_collections import ConfigDict

from configs.sngan_cifar10 import get_config as sngan_cifar10_config


def get_config() -> ConfigDict:
    config = sngan_cifar10_config()
    config.conditional = True
    config.data.name = "cifar100"
    config.generator.norm = "conditional_batch"
    config.generator.label = "norm"
    return config
