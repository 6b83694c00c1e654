"""Mode collapse in the plane: a GAN on eight Gaussians on a ring (Metz et al. 2017, appendix A).

z of 256, generator with two hidden layers of 128 units, discriminator with one, batches of 512,
Adam with b1 0.5, generator at 1e-3 and discriminator at 1e-4, 25,000 steps. The cures are one key:
`--config.discriminator.minibatch=discrimination`, `--config.discriminator.pack=4` or
`--config.loss.penalty=r1`. `--config.data.name=grid` has 25 Gaussians (Srivastava et al. 2017).
Where the paper scales the discriminator's input and starts from orthogonal weights, this does not.

Command: python run.py --config=configs/gan_ring.py
Cost: 25,000 steps, 45 seconds on two CPU cores.
Result: 0 to 2 of 8 modes found in three seeds, 8 of 8 with packs of four; docs/results/gan.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", batch_size=512, num_steps=25_000, z_dim=256, conditional=False)
    config.update(log_every=250, sample_every=2500, eval_every=0, checkpoint_every=5000)
    config.data.name = "ring"
    config.generator.update(net="dense", widths=(128, 128), norm="none", lr=1e-3)
    config.discriminator.update(net="dense", widths=(128,), hidden=0, lr=1e-4)
    return config
