"""The study's cure of blur on CIFAR-10: a distance between features beside that between pixels.

vae_cifar10 with the features of a frozen network: by default this project's own classifier, which
configs/classifier_cifar10.py trains; with --config.perceptual.net=vgg16 and a torchvision
checkpoint as perceptual.weights, VGG16's relu1_2 to relu4_3.

Command: python run.py --config=configs/vae_cifar10_perceptual.py
(after: python run.py --config=configs/classifier_cifar10.py)
RESULT
"""

from ml_collections import ConfigDict

from configs.vae_cifar10 import get_config as vae_config


def get_config() -> ConfigDict:
    config = vae_config()
    config.perceptual.weight = 10.0
    config.perceptual.weights = "runs/classifier_cifar10/classifier.npz"
    return config
