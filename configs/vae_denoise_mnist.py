"""Denoising VAE on MNIST: noise in, clean digit out.

The encoder sees pixels with Gaussian noise of standard deviation 0.5 (on [-1, 1]); the likelihood
is of the clean grey digit, Gaussian with sigma^2 = 1/2. The evaluation also tries corruptions the
model was not trained on.

Command: python run.py --config=configs/vae_denoise_mnist.py
Cost: 4,688 steps, 45 seconds on two CPU cores.
Result: PSNR of test digits 12.0 dB with the noise it was trained on, 20.2 dB after; for the other
corruptions see docs/results/vae.
"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.loss.likelihood = "gaussian"
    config.loss.binarise = "none"
    config.loss.corruption = "gaussian"
    config.loss.corruption_level = 0.5
    return config
