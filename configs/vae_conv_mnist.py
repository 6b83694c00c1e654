"""placeholder"""

from ml_collections import ConfigDict

from configs.vae_mnist import get_config as dense_config


def get_config() -> ConfigDict:
    config = dense_config()
    config.num_epochs = 40.0
    config.optimizer.decay_epochs = 40.0
    config.eval_epochs = (1.0, 5.0, 10.0, 20.0, 40.0)
    config.z_dim = 32
    config.encoder.update(net="conv", widths=(32, 64), hidden=256)
    config.generator.update(net="conv", widths=(64, 32), hidden=256)
    return config
