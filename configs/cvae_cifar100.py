"""Conditional VAE on CIFAR-100: the flagship without its discriminator.

Encoder, decoder, beta and schedule of cvae_gan_cifar100; what the adversary adds is what that run
has over this one. (The flagship's own twin with lambda 0 is the same model, but for its start.)

Command: python run.py --config=configs/cvae_cifar100.py
Cost: about 25 minutes on two CPU cores by the rate of its twin, 750 img/s.
Result: not run under this name. Its twin (--config=configs/cvae_gan_cifar100.py
--config.loss.lambda_adv=0 at commit b5a686d: same objective and budget, the class also embedded
beside z) reached test MSE 0.0273, KL 165 nats; docs/results/cvae_gan_cifar100.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "vae"
    config.data.name = "cifar100"
    config.generator.label = "norm"
    return config
