"""The same networks as `gan_mnist_bce` under the Wasserstein loss with gradient penalty (study D).

Gulrajani et al. 2017: penalty weight 10, five critic updates a step. Optimizer and epochs are those
of `gan_mnist_bce`; the paper's own optimizer is in `wgan_gp_cifar10`.

Command: python run.py --config=configs/wgan_gp_mnist.py
"""

from ml_collections import ConfigDict

from configs.gan_mnist_bce import get_config as gan_mnist_bce_config


def get_config() -> ConfigDict:
    config = gan_mnist_bce_config()
    config.update(n_critic=5, log_every=10, sample_every=94, eval_every=469, checkpoint_every=94)
    config.loss.update(adversarial="wasserstein", penalty="wgan_gp", penalty_weight=10.0)
    return config
