"""Convolutional VAE on MNIST, dynamically binarised: the likelihood to compare with.

vae_mnist with two strided convolutions each way, a hidden layer on either side of z in R^32, and 40
epochs.

Command: python run.py --config=configs/vae_conv_mnist.py
RESULT
"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as dense_config


def get_config() -> ConfigDict:
    config = dense_config()
    config.num_epochs = 40.0
    config.optimizer.decay_epochs = 40.0
    config.eval_epochs = (1.0, 5.0, 10.0, 20.0, 40.0)
    config.z_dim = 32
    config.encoder.update(net="conv", widths=(32, 64), hidden=256)
    config.generator.update(net="conv", widths=(64, 32), hidden=256)
    return config
