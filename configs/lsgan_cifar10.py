"""Least squares in place of cross-entropy (Mao et al. 2017), on the study's DCGAN.

Command: python run.py --config=configs/lsgan_cifar10.py
Result: not run to its end yet.
"""

from ml_collections import ConfigDict

from configs.dcgan_cifar10 import get_config as dcgan_cifar10_config


def get_config() -> ConfigDict:
    config = dcgan_cifar10_config()
    config.loss.adversarial = "least_squares"
    return config
