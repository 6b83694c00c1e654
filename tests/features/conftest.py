"""A classifier's weights file, made up rather than trained."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.data.spec import DataSpec
from gen_jax.features import classifier
from gen_jax.nets.classifier import Classifier, Net, ResNetClassifier

SPEC = DataSpec("made up", (8, 12, 3), 5, tuple("abcdé"), num_examples=7)


class Made(NamedTuple):
    """A network, its variables (no gain 1, no bias 0), the arrays of its file, and the file."""

    net: Net
    variables: dict
    arrays: dict[str, np.ndarray]
    path: Path


def make(net: Net, folder: Path) -> Made:
    rng = np.random.default_rng(0)
    images = jnp.zeros((1, *SPEC.shape))
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), images, False))
    variables = {
        "params": jax.tree.map(
            lambda leaf: rng.normal(0, 0.4, leaf.shape).astype(np.float32), shapes["params"]
        ),
        "batch_stats": jax.tree.map(
            lambda leaf: rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32), shapes["batch_stats"]
        ),
    }
    origin = classifier.Origin(SPEC.name, 7, "0123abcd")
    arrays = classifier.pack(net, variables, SPEC, origin)
    path = folder / "classifier.npz"
    np.savez(path, allow_pickle=False, **arrays)
    return Made(net, variables, arrays, path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(Classifier((4, 6), SPEC.num_classes), tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def residual(tmp_path_factory: pytest.TempPathFactory) -> Made:
    net = ResNetClassifier((4, 6), SPEC.num_classes, blocks=2)
    return make(net, tmp_path_factory.mktemp("run"))
