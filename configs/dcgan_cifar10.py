"""The study's DCGAN on CIFAR-10 (study B): z of 100, 50 epochs.

Generator: a dense layer to 4x4x128, transposed convolutions 128-64-3, tanh. Discriminator:
convolutions 64-128-256 with stride 2, a dense layer to one logit. Non-saturating loss, Adam 2e-4
with b1 0.5, batch 128. What the study leaves open is DCGAN's (Radford et al. 2016): batch norm in
the generator, kernels from N(0, 0.02^2). Evaluated at epochs 1, 10, 30 and 50 for its table.

Command: python run.py --config=configs/dcgan_cifar10.py
Cost: 391 steps an epoch, about a minute on two CPU cores (690 img/s), two on slower ones.
Result: FID-768 0.338 (test images 0.014), samples of 0.87 of photographs' sharpness, healthy by its
own verdict; its discriminator's features classify 68.5 % of test images linearly (as initialised
61.6, pixels 40.4); docs/results/vae_dcgan_cifar10.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", num_epochs=50.0, z_dim=100, conditional=False)
    config.init_std = 0.02
    config.update(eval_epochs=(1.0, 10.0, 30.0, 50.0), sample_every=391, eval_every=0)
    config.checkpoint_every = 391
    config.data.name = "cifar10"
    config.generator.update(widths=(128, 128, 64), norm="batch", lr=2e-4)
    config.discriminator.update(widths=(64, 128, 256), hidden=0, lr=2e-4)
    return config
