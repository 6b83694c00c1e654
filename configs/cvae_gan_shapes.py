"""Conditional VAE-GAN on the embedded `shapes`: the quick tour, no download.

The model and objective of cvae_gan_cifar100 with smaller nets, larger learning rates and less
weight on prior samples, so that six epochs show something.

Command: python run.py --config=configs/cvae_gan_shapes.py
Cost: two and a half minutes on two CPU cores (about 850 img/s), without PCA and evaluations on the
way (--config.eval.pca=false --config.eval_every=0), which is how the figures below were taken.
Result: test MSE 0.0146 (PCA with as many components 0.0189, the mean image 0.0990, by a full run);
reconstructions show shape, colour and place, prior samples coloured blobs rather than shapes.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.data.name = "shapes"
    config.num_epochs = 6.0
    config.sample_every = 200
    config.eval_every = 400
    config.checkpoint_every = 200
    config.z_dim = 32
    config.encoder.widths = (32, 64, 128)
    config.generator.widths = (128, 64, 32)
    config.encoder.lr = 1e-3
    config.generator.lr = 1e-3
    config.discriminator.lr = 4e-4
    config.loss.prior_weight = 3.0
    return config
