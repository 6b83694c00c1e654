"""Study B's cure for mode collapse: minibatch discrimination (Salimans et al. 2016).

`dcgan_cifar10` whose discriminator also sees how alike the images of a batch are.

Command: python run.py --config=configs/dcgan_cifar10_minibatch.py
Cost: about that of dcgan_cifar10.
Result: not run for its 50 epochs yet.
"""

from ml_collections import ConfigDict

from configs.dcgan_cifar10 import get_config as dcgan_cifar10_config


def get_config() -> ConfigDict:
    config = dcgan_cifar10_config()
    config.discriminator.minibatch = "discrimination"
    return config
