import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gen_jax import nets
from gen_jax.nets.attention import SelfAttention

X = np.random.default_rng(0).normal(size=(2, 4, 6, 16)).astype(np.float32)


def variables(gamma, x=X, **fields):
    made = SelfAttention(**fields).init(jax.random.key(0), x, False)
    params = dict(made["params"]) | {"gamma": jnp.float32(gamma)}
    for i, name in enumerate("fghv"):
        bias = params[name]["bias"]
        params[name] = params[name] | {"bias": 0.1 * (i + jnp.arange(float(len(bias))))}
    return made | {"params": params}


def test_it_starts_as_the_identity_with_a_gradient():
    made = SelfAttention().init(jax.random.key(0), X, False)
    assert made["params"]["gamma"] == 0
    np.testing.assert_array_equal(SelfAttention().apply(made, X, False), X)
    loss = lambda v: jnp.sum(jnp.square(SelfAttention().apply(v, X, False)))  # noqa: E731
    assert jax.grad(loss)(made)["params"]["gamma"] != 0


def test_every_position_adds_a_weighted_mean_of_all_positions():
    made = variables(0.7)
    params = jax.tree.map(np.asarray, made["params"])

    def affine(name, x):
        return x @ params[name]["kernel"][0, 0] + params[name]["bias"]

    expected = np.zeros((2, 24, 16))
    for x, y in zip(X.reshape(2, 24, 16).astype(np.float64), expected, strict=True):
        keys, queries, values = affine("f", x), affine("g", x), affine("h", x)
        assert (keys.shape[1], queries.shape[1], values.shape[1]) == (2, 2, 8)
        for j in range(24):
            beta = scipy.special.softmax([key @ queries[j] for key in keys])
            y[j] = 0.7 * affine("v", beta @ values) + x[j]
    out = SelfAttention().apply(made, X, False)
    np.testing.assert_allclose(out, expected.reshape(X.shape), rtol=1e-4, atol=1e-5)


def test_few_channels_still_have_a_key():
    made = variables(1.0, X[..., :3])
    assert made["params"]["f"]["kernel"].shape == (1, 1, 3, 1)
    assert SelfAttention().apply(made, X[..., :3], False).shape == (2, 4, 6, 3)


def test_spectral_norm_is_of_all_four_convolutions():
    made = variables(1.0, spectral_norm=True)
    assert set(made["batch_stats"]) == {"f", "g", "h", "v"}
    _, new = SelfAttention(spectral_norm=True).apply(made, X, True, mutable=["batch_stats"])
    for name in "fgh":
        old = made["batch_stats"][name]["right_singular"]
        assert not np.allclose(new["batch_stats"][name]["right_singular"], old)


LABELS = np.zeros(2, np.int32)


# A height that feature maps have, and their channels there.
PLACES = {
    "conv generator, first": (nets.GENERATORS["conv"], (8, 4), 4, 8),
    "conv generator": (nets.GENERATORS["conv"], (8, 4), 8, 4),
    "resnet generator, first": (nets.GENERATORS["resnet"], (8, 4), 4, 8),
    "resnet generator, last": (nets.GENERATORS["resnet"], (8, 4), 16, 4),
    "conv discriminator": (nets.DISCRIMINATORS["conv"], (8, 4), 8, 8),
    "resnet discriminator": (nets.DISCRIMINATORS["resnet"], (4, 8, 5), 4, 8),
}


@pytest.mark.parametrize(("network", "widths", "side", "channels"), PLACES.values(), ids=PLACES)
def test_networks_attend_once_where_they_are_told_to(network, widths, side, channels):
    judges = network in nets.DISCRIMINATORS.values()
    fields = {} if judges else {"shape": (16, 16, 3), "label_dim": 1, "norm": "batch"}
    inputs = np.zeros((2, 16, 16, 3) if judges else (2, 3), np.float32)

    def params(attention):
        module = network(widths=widths, num_classes=0, attention=attention, **fields)
        init = lambda: module.init(jax.random.key(0), inputs, LABELS, False)  # noqa: E731
        return jax.eval_shape(init)["params"]

    plain, attending = params(0), params(side)
    assert set(attending) - set(plain) == {"SelfAttention_0"}
    assert attending["SelfAttention_0"]["v"]["kernel"].shape[-1] == channels
    # At a height that no map has there is none.
    assert jax.tree.structure(params(7)) == jax.tree.structure(plain)
