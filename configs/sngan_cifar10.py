"""SNGAN on CIFAR-10 (Miyato et al. 2018, table 3 and appendix B.4): residual nets, hinge loss.

Adam 2e-4 with b1 0 and b2 0.9, five discriminator updates a step, batch 64, 100,000 steps over
which the rates fall linearly. It is made for an accelerator. The paper's generator takes batches
of 128; here both networks take 64. `--config.discriminator.attention=16` and
`--config.generator.attention=16` add self-attention (Zhang et al. 2019).

Command: python run.py --config=configs/sngan_cifar10.py
Cost: 22.7 s a step of twice its batch on two CPU cores, hence two weeks (docs/results/speed).
Result: not run yet.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", batch_size=64, num_steps=100_000, z_dim=128, conditional=False)
    config.update(n_critic=5, log_every=20, ema_decay=0.9999)
    config.data.update(name="cifar10", flip=True)
    config.loss.adversarial = "hinge"
    config.generator.update(net="resnet", widths=(256, 256, 256), norm="batch", lr=2e-4)
    config.discriminator.update(
        net="resnet", widths=(128, 128, 128, 128), spectral_norm=True, lr=2e-4
    )
    config.optimizer.update(b1=0.0, b2=0.9, decay="linear", decay_epochs=640.0)
    return config
