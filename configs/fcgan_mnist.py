"""The fully connected GAN on MNIST (Goodfellow et al. 2014; study E's fcGAN).

Dense networks throughout: generator 256-512-1024 with batch norm, discriminator 512-256 with
dropout, non-saturating loss, Adam 2e-4. `--config.generator.widths=256` and its like answer the
study's question about deeper generators. Point `--config.eval.classifier` at the classifier.npz of
`configs/judge_mnist.py` to have the samples named.

Command: python run.py --config=configs/fcgan_mnist.py
Cost: 469 steps an epoch, 15 seconds on one CPU core (3,900 img/s).
Result: all ten digits, total variation 0.06 to the test set's, FD-classifier 3.4 (floor 0.04);
docs/results/imaging_mnist.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.update(family="gan", num_epochs=30.0, z_dim=100, conditional=False)
    config.update(log_every=100, sample_every=1000, eval_every=5000, checkpoint_every=5000)
    config.data.name = "mnist"
    config.generator.update(
        net="dense", widths=(256, 512, 1024), norm="batch", activation="leaky_relu", lr=2e-4
    )
    config.discriminator.update(net="dense", widths=(512, 256), hidden=0, dropout=0.3, lr=2e-4)
    return config
