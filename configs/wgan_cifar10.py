"""Wasserstein GAN with weight clipping on the study's DCGAN (Arjovsky et al. 2017, algorithm 1).

RMSProp at 5e-5, weights within 0.01, five critic updates a step. An epoch is one of the critic's:
the generator has a fifth of `dcgan_cifar10`'s updates.

Command: python run.py --config=configs/wgan_cifar10.py
Result: not run to its end yet.
"""

from ml_collections import ConfigDict

from configs.dcgan_cifar10 import get_config as dcgan_cifar10_config


def get_config() -> ConfigDict:
    config = dcgan_cifar10_config()
    config.update(n_critic=5, log_every=10, sample_every=78, checkpoint_every=78)
    config.loss.adversarial = "wasserstein"
    config.optimizer.update(name="rmsprop", b2=0.99)
    config.generator.lr = 5e-5
    config.discriminator.update(lr=5e-5, clip=0.01)
    return config
