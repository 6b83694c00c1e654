"""Study B's cure for instability: spectral norm and two time scales.

`dcgan_cifar10` with spectral norm in the discriminator (Miyato et al. 2018), generator at 1e-4 and
discriminator at 4e-4 (Heusel et al. 2017).

Command: python run.py --config=configs/dcgan_cifar10_sn_ttur.py
Cost: about that of dcgan_cifar10.
Result: not run for its 50 epochs yet; the same cure on MNIST is in docs/results/gan.
"""

from ml_collections import ConfigDict

from configs.dcgan_cifar10 import get_config as dcgan_cifar10_config


def get_config() -> ConfigDict:
    config = dcgan_cifar10_config()
    config.discriminator.update(spectral_norm=True, lr=4e-4)
    config.generator.lr = 1e-4
    return config
