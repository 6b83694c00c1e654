"""Dense VAE on MNIST with two latent dimensions: the latent plane, seen whole.

vae_mnist with z in R^2; the report shows the manifold (Kingma & Welling 2014, figure 4) and the
posterior means of the test set coloured by digit.

Command: python run.py --config=configs/vae_2d_mnist.py
Cost: 9,375 steps, one minute on two CPU cores, and one of evaluation.
Result: test -ELBO 142.7 nats (KL 6.3), a linear probe names 71 % of the digits from two numbers;
docs/results/imaging_mnist.
"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.num_epochs = 20.0
    config.optimizer.decay_epochs = 20.0
    config.eval_epochs = (1.0, 5.0, 10.0, 20.0)
    config.z_dim = 2
    return config
