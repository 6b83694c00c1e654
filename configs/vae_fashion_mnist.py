"""Dense VAE on Fashion-MNIST: Gaussian pixels with a learned standard deviation.

Clothes are grey, not black and white, hence no binarisation: one sigma for all pixels is learned
with the rest (Rybkin et al. 2021), which weighs reconstruction against KL without a beta. Log
densities of grey pixels are not comparable with those of binarised ones.

Command: python run.py --config=configs/vae_fashion_mnist.py
Cost: about a minute and a half on two CPU cores, by the rate of vae_mnist.
Result: not run yet; TFDS has to download the data set first.
"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.data.name = "fashion_mnist"
    config.num_epochs = 20.0
    config.optimizer.decay_epochs = 20.0
    config.eval_epochs = (1.0, 5.0, 10.0, 20.0)
    config.loss.likelihood = "gaussian_learned"
    config.loss.binarise = "none"
    return config
