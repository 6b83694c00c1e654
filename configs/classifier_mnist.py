"""A small classifier of handwritten digits, which names what a generator's samples show.

Four convolutions with batch norm, the mean over positions, one dense layer; Adam, the learning
rate falling to 0 along a cosine, 4 epochs. At its end the run leaves
runs/classifier_mnist/classifier.npz, which --config.eval.classifier takes. For images of 32x32, as
of stacked_mnist at that size, train it with --config.data.image_size=32.

Command: python run.py --config=configs/classifier_mnist.py
Cost: 1,875 steps of 101,866 parameters, three minutes on two CPU cores (about 1,500 img/s).
Result: test accuracy 0.9917 on 10,000 digits, cross-entropy 0.026 nats.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "classifier"
    config.data.name = "mnist"
    config.num_epochs = 4.0
    config.sample_every = 0
    config.classifier.widths = (32, 64)
    config.classifier.lr = 5e-3
    config.optimizer.b1 = 0.9
    config.optimizer.decay_epochs = 4.0
    return config
