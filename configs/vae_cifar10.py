"""Convolutional VAE on CIFAR-10, the study's: 32-64-128 to 4x4x128, z of 64, and back.

Adam at 1e-3 (0.9, 0.999), batch 128, 20 epochs, beta 1, no batch norm, no hidden layer between the
convolutions and z. The study's "MSE" is the squared error summed over pixels: a Gaussian likelihood
with sigma^2 = 1/2, up to a constant (the log density of a 32x32x3 image at no error at all is
-1758 nats). With the mean over pixels the posterior collapses; docs/results/vae.

Command: python run.py --config=configs/vae_cifar10.py
Cost: 7,813 steps, six minutes on two CPU cores (about 3,400 img/s), with four linear probes.
Result: test MSE 0.0334 (PCA with 64 components: 0.0322), KL 61.3 nats, all 64 dimensions active; a
linear probe names 38.9 % of the classes; samples of 0.055 of photographs' sharpness;
docs/results/vae_dcgan_cifar10.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "vae"
    config.conditional = False
    config.data.name = "cifar10"
    config.num_epochs = 20.0
    config.eval_every = 0
    config.eval_epochs = (1.0, 5.0, 10.0, 20.0)
    config.eval.examples = 10_000
    config.eval.probe_during = True
    config.z_dim = 64
    config.encoder.update(widths=(32, 64, 128), hidden=0, norm="none", lr=1e-3)
    config.generator.update(widths=(128, 64, 32), hidden=0, norm="none", lr=1e-3)
    config.optimizer.b1 = 0.9
    config.loss.beta = 1.0
    return config
