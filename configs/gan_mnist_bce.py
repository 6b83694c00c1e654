"""The GAN of the training-dynamics study on MNIST, with the BCE loss (study D).

Generator: a dense layer to 7x7x128, then transposed convolutions, batch norm and leaky ReLU.
Discriminator: convolutions with dropout. RMSProp. Its two siblings, `gan_mnist_wasserstein` and
`wgan_gp_mnist`, differ in the loss and in what a Wasserstein critic needs, and in nothing else.

Command: python run.py --config=configs/gan_mnist_bce.py
Cost: 469 steps an epoch, three minutes on one CPU core (340 img/s).
Result: after four epochs all ten digits, too few zeros, ones and sixes, FD-classifier 21.9 (floor
0.04), 21.5 without dropout and batch norm; docs/results/dynamics_mnist.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", num_epochs=10.0, z_dim=100, conditional=False)
    config.update(log_every=50, sample_every=469, eval_every=2345, checkpoint_every=469)
    config.data.name = "mnist"
    config.generator.update(widths=(128, 64), norm="batch", activation="leaky_relu", lr=1e-4)
    config.discriminator.update(widths=(64, 128), hidden=0, dropout=0.3, lr=1e-4)
    config.optimizer.update(name="rmsprop", b2=0.9)
    return config
