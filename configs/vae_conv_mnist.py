"""Convolutional VAE on MNIST, dynamically binarised: the likelihood to compare with.

vae_mnist with two strided convolutions each way, a hidden layer on either side of z in R^32, and 40
epochs.

Command: python run.py --config=configs/vae_conv_mnist.py
Cost: 18,750 steps, six minutes on two CPU cores (about 6,700 img/s), and two of evaluation.
Result: test -ELBO 91.2 nats, NLL 86.6 (200 samples, all 10,000 images), 28 of 32 dimensions active;
docs/results/vae.
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
