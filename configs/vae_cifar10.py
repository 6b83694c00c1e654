"""placeholder"""

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
