"""Wasserstein GAN with gradient penalty on the study's DCGAN (Gulrajani et al. 2017).

Penalty weight 10, five critic updates a step, Adam at 1e-4 with b1 0 and b2 0.9, no normalisation
in the critic. An epoch is one of the critic's.

Command: python run.py --config=configs/wgan_gp_cifar10.py
Result: not run to its end yet.
"""

from ml_collections import ConfigDict

from configs.dcgan_cifar10 import get_config as dcgan_cifar10_config


def get_config() -> ConfigDict:
    config = dcgan_cifar10_config()
    config.update(n_critic=5, log_every=10, sample_every=78, checkpoint_every=78)
    config.loss.update(adversarial="wasserstein", penalty="wgan_gp", penalty_weight=10.0)
    config.optimizer.update(b1=0.0, b2=0.9)
    config.generator.lr = 1e-4
    config.discriminator.lr = 1e-4
    return config
