"""What tests of several evaluations look through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.features import classifier
from gen_jax.nets.classifier import Classifier
from tests.evals import toy

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The file of an untrained classifier of `toy.split`, of images of `SHAPE`."""
    net = Classifier((4, 6), 5)
    variables = net.init(jax.random.key(0), jnp.zeros((1, *SHAPE)), False)
    path = tmp_path_factory.mktemp("judge") / "classifier.npz"
    spec = toy.split(toy.noise_images(60, SHAPE)).spec
    np.savez(path, allow_pickle=False, **classifier.pack(net, variables, spec))
    return str(path)
