import jax
import numpy as np
import pytest

from gen_jax.nets.auxiliary import Auxiliary
from gen_jax.nets.layers import leaky_relu

FEATURES = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def affine(params, x):
    return x @ params["kernel"] + params["bias"][None]


def test_classes_are_linear_in_the_features_and_codes_have_a_hidden_layer():
    heads = Auxiliary(num_classes=3, categorical=5, continuous=2, hidden=7)
    variables = heads.init(jax.random.key(0), FEATURES)
    params = variables["params"]
    hidden = leaky_relu(affine(params["hidden"], FEATURES))
    assert hidden.shape == (4, 7)
    said = heads.apply(variables, FEATURES)
    assert {name: head.shape for name, head in said.items()} == {
        "class": (4, 3),
        "categorical": (4, 5),
        "continuous": (4, 2),
    }
    for name, seen in (("class", FEATURES), ("categorical", hidden), ("continuous", hidden)):
        np.testing.assert_allclose(said[name], affine(params[name], seen), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "layers"),
    [
        ({"num_classes": 3}, {"class"}),
        ({"categorical": 5}, {"hidden", "categorical"}),
        ({"continuous": 2}, {"hidden", "continuous"}),
    ],
)
def test_a_head_of_size_0_is_not_there(sizes, layers):
    said, variables = Auxiliary(**sizes).init_with_output(jax.random.key(0), FEATURES)
    assert set(variables["params"]) == layers
    assert set(said) == layers - {"hidden"}
