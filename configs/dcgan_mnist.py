"""The all-convolutional DCGAN on MNIST (Radford et al. 2016; study E's dcGAN).

Strided and transposed convolutions, batch norm in both networks but not at the image, ReLU and tanh
in the generator, leaky ReLU in the discriminator, no hidden dense layer, Adam 2e-4 with b1 0.5.
MNIST's 28 pixels halve twice, to 7x7, so there are two convolutions a network where the paper's
64 pixels take four. Kernels start from N(0, 0.02^2).

Command: python run.py --config=configs/dcgan_mnist.py
Cost: 469 steps an epoch, two minutes on one CPU core (540 img/s).
Result: all ten digits, total variation 0.20 to the test set's, FD-classifier 6.6 (floor 0.04);
docs/results/imaging_mnist.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", num_epochs=10.0, z_dim=100, conditional=False)
    config.init_std = 0.02
    config.update(log_every=50, sample_every=500, eval_every=2000, checkpoint_every=1000)
    config.data.name = "mnist"
    config.generator.update(widths=(128, 64), norm="batch", lr=2e-4)
    config.discriminator.update(widths=(64, 128), norm="batch", hidden=0, lr=2e-4)
    return config
