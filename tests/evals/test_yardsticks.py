"""What reconstruction costs without a network, against scikit-learn, on any number of cores."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from gen_jax.evals import yardsticks
from tests.evals import toy

TRAIN, TEST = toy.noise_images(300, (8, 8, 3), 1), toy.noise_images(40, (8, 8, 3), 2)


def evaluate():
    family = toy.codes(lambda x: x, lambda x: jnp.zeros_like(x))
    return yardsticks.evaluate(toy.model(family, toy.split(TEST), toy.split(TRAIN), z_dim=5))


def test_they_are_the_mean_image_and_scikit_learns_pca():
    train, test = (x.reshape(len(x), -1) / 127.5 - 1 for x in (TRAIN, TEST))
    values = evaluate().values
    assert values["mean_image_mse"] == pytest.approx(np.square(test - train.mean(axis=0)).mean())
    pca = PCA(5, svd_solver="full").fit(train)
    rebuilt = pca.inverse_transform(pca.transform(test))
    assert values["pca_5_mse"] == pytest.approx(np.square(test - rebuilt).mean(), rel=1e-5)


def test_they_are_the_same_bits_on_any_number_of_threads():
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            found.append(evaluate().values)
    assert found[0] == found[1]
