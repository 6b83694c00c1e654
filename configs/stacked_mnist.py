"""Mode collapse on stacked MNIST: three digits as colours, 1,000 modes (Metz et al. 2017, app. F).

A generator of 64-32-16 channels against a discriminator of 4-8-16, half of it in the paper's count,
batch norm in both, z of 256; Adam with b1 0.5 and b2 0.99, generator at 1e-4 and discriminator at
2e-4, batches of 128 (the rates of Lin et al. 2018). Where the paper's generator ends in 8 channels
and a convolution, this one's transposed convolution makes the image of 32x32, and stacks are drawn
from 128,000 instead of anew. The papers' cures are one key: `--config.discriminator.pack=2` or
`--config.discriminator.minibatch=discrimination`. (In 2,000 steps of fcgan_mnist packs did nothing
and `--config.loss.penalty=r1` helped; docs/results/gan.) Modes are counted by the classifier of
`configs/classifier_mnist.py` trained at `--config.data.image_size=32`.

Command: python run.py --config=configs/stacked_mnist.py --config.eval.classifier=CLASSIFIER.npz
Result: after half its steps mush rather than a collapse, 818 modes named; docs/results/gan.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", num_steps=20_000, z_dim=256, conditional=False)
    config.update(log_every=100, sample_every=2000, eval_every=0, checkpoint_every=2000)
    config.data.update(name="stacked_mnist", image_size=32)
    config.generator.update(widths=(64, 32, 16), norm="batch", lr=1e-4)
    config.discriminator.update(widths=(4, 8, 16), hidden=0, norm="batch", lr=2e-4)
    config.optimizer.b2 = 0.99
    config.eval.classified = 26_000
    return config
