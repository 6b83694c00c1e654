"""The classifier that judges samples of CIFAR-10, by its last features and the classes it names.

Nothing is trained to please it: it has another architecture than classifier_cifar10, residual, and
another seed. Four stages of one residual block, the mean over positions, one dense layer; images
mirrored and shifted by up to four pixels, AdamW, the learning rate falling to 0 along a cosine, 15
epochs. At its end the run leaves runs/judge_cifar10/classifier.npz, which --config.eval.classifier
takes.

Command: python run.py --config=configs/judge_cifar10.py
Cost: as judge_cifar100, about 55 minutes on one CPU core.
Result: not run yet.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.seed = 1042
    config.family = "classifier"
    config.data.name = "cifar10"
    config.num_epochs = 15.0
    config.sample_every = 0
    config.classifier.net = "resnet"
    config.classifier.widths = (16, 48, 96, 192)
    config.classifier.augment = ("flip", "shift")
    config.classifier.lr = 3e-3
    config.optimizer.b1 = 0.9
    config.optimizer.weight_decay = 0.05
    config.optimizer.decay_epochs = 15.0
    return config
