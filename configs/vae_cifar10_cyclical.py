"""The study's cure of posterior collapse on CIFAR-10: cyclical annealing of the KL's weight.

vae_cifar10 with four cycles over 20 epochs, the weight growing from 0 to 1 over the first half of
each (Fu et al. 2019).

Command: python run.py --config=configs/vae_cifar10_cyclical.py
Cost: as vae_cifar10, six minutes on two CPU cores.
Result: four cycles did not cure the collapse that the mean over pixels makes
(--config.loss.reconstruction_reduction=mean): its optimum is an empty code. The summed objective,
which does not collapse, was not run; docs/results/vae_dcgan_cifar10.
"""

from ml_collections import ConfigDict

from configs.vae_cifar10 import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.loss.kl_schedule = "cyclical"
    config.loss.kl_epochs = 5.0
    return config
