"""Conditional VAE on MNIST: digits on demand.

vae_mnist whose encoder and decoder are told the digit, so that z is left with the style: rows of the
class grid share z, columns do not.

Command: python run.py --config=configs/cvae_mnist.py
RESULT
"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.conditional = True
    config.label_dim = 10
    return config
