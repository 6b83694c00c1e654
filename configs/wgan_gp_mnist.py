"""The same networks as `gan_mnist_bce` under the Wasserstein loss with gradient penalty (study D).

Gulrajani et al. 2017: penalty weight 10, five critic updates a step. Optimizer and epochs are those
of `gan_mnist_bce`; the paper's own optimizer is in `wgan_gp_cifar10`.

Command: python run.py --config=configs/wgan_gp_mnist.py
Cost: 94 steps an epoch, three minutes on one CPU core (360 images of the critic's a second).
Result: after four epochs all ten digits in a grey haze, FD-classifier 22.6, recall 0.17 (BCE 0.40);
docs/results/dynamics_mnist.
"""

from ml_collections import ConfigDict

from configs.gan_mnist_bce import get_config as gan_mnist_bce_config


def get_config() -> ConfigDict:
    config = gan_mnist_bce_config()
    config.update(n_critic=5, log_every=10, sample_every=94, eval_every=469, checkpoint_every=94)
    config.loss.update(adversarial="wasserstein", penalty="wgan_gp", penalty_weight=10.0)
    return config
