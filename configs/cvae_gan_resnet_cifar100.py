"""Conditional VAE-GAN on CIFAR-100 with the study's future work built in.

Residual networks, conditional batch norm in the generator, spectral norm and hinge loss, a moving
average of encoder and generator, mirrored images, five epochs of VAE pre-training and five over
which lambda grows, 60 epochs. What the discriminator is shown, its weight, and where the class
enters the generator are cvae_gan_cifar100's, on whose evidence they rest.

Command: python run.py --config=configs/cvae_gan_resnet_cifar100.py
Cost: 23,438 steps of 8.6 million parameters. A job for a GPU: two CPU cores, shared with another
training, did about 5 img/s. It has not been run to its end yet, so there is no result to expect.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.data.name = "cifar100"
    config.data.flip = True
    config.num_epochs = 60.0
    config.ema_decay = 0.999
    config.encoder.net = "resnet"
    config.encoder.widths = (64, 128, 256)
    config.generator.net = "resnet"
    config.generator.label = "norm"
    config.generator.widths = (256, 256, 128)
    config.discriminator.net = "resnet"
    config.discriminator.widths = (128, 128, 128, 128)
    config.discriminator.spectral_norm = True
    config.discriminator.lr = 2e-4
    config.loss.adversarial = "hinge"
    config.loss.judge_reconstructions = False
    config.loss.prior_weight = 30.0
    config.loss.vae_epochs = 5.0
    config.loss.lambda_ramp_epochs = 5.0
    return config
