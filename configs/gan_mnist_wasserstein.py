"""The same networks as `gan_mnist_bce` under the Wasserstein loss with weight clipping (study D).

Arjovsky et al. 2017, algorithm 1: five critic updates a step, weights within 0.01, RMSProp. The
epochs are those of `gan_mnist_bce`, so that both discriminators see as many images and this
generator has a fifth of the updates.

Command: python run.py --config=configs/gan_mnist_wasserstein.py
Cost: 94 steps an epoch, two minutes on one CPU core (470 images of the critic's a second).
Result: after four epochs blobs, FD-classifier 82 (its BCE sibling 21.9);
docs/results/dynamics_mnist.
"""

from ml_collections import ConfigDict

from configs.gan_mnist_bce import get_config as gan_mnist_bce_config


def get_config() -> ConfigDict:
    config = gan_mnist_bce_config()
    config.update(n_critic=5, log_every=10, sample_every=94, eval_every=469, checkpoint_every=94)
    config.loss.adversarial = "wasserstein"
    config.discriminator.clip = 0.01
    return config
