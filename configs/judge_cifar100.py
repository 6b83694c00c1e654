"""The classifier that judges samples of CIFAR-100, by its last features and the classes it names.

Nothing is trained to please it. Four stages of one residual block, the mean over positions, one
dense layer; images mirrored and shifted by up to four pixels, AdamW, the learning rate falling to 0
along a cosine, 15 epochs. At its end the run leaves runs/judge_cifar100/classifier.npz, which
--config.eval.classifier takes.

Command: python run.py --config=configs/judge_cifar100.py
Cost: 5,860 steps, about 55 minutes on one CPU core (230 img/s).
Result: accuracy 63.4 % on the 10,000 test images; docs/results/cvae_gan_cifar100.
"""

from ml_collections import ConfigDict

from configs.judge_cifar10 import get_config as judge_cifar10_config


def get_config() -> ConfigDict:
    config = judge_cifar10_config()
    config.data.name = "cifar100"
    return config
