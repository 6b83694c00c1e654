"""Dense autoencoder on MNIST: the deterministic comparison to vae_mnist.

The same networks and likelihood; the code is the encoder's mean, without noise and without a KL, so
that nothing shapes the latent space. Samples decode draws from N(0, I), where no code needs to be:
they show what a VAE's KL is for.

Command: python run.py --config=configs/ae_mnist.py
RESULT
"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.loss.objective = "autoencoder"
    return config
