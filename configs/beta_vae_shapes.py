"""beta-VAE on the embedded `shapes`: disentanglement where the truth is known.

RESULT

Command: python run.py --config=configs/beta_vae_shapes.py
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "vae"
    config.conditional = False
    config.data.name = "shapes"
    config.data.num_train = 100_000
    config.data.num_test = 10_000
    config.batch_size = 64
    config.num_steps = 6000
    config.z_dim = 10
    config.encoder.update(widths=(32, 32, 64), hidden=256, norm="none", lr=1e-3)
    config.generator.update(widths=(64, 32, 32), hidden=256, norm="none", lr=1e-3)
    config.optimizer.b1 = 0.9
    config.loss.beta = 4.0
    return config
