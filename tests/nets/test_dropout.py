import jax
import jax.numpy as jnp
import numpy as np

from gen_jax.nets.dense import DenseEncoder, LatentDiscriminator
from gen_jax.nets.layers import Dropout

KEYS = jax.random.split(jax.random.key(0), 64)
ONES = jnp.ones((64, 5, 20))


def test_dropout_zeroes_a_fraction_and_keeps_the_mean():
    out = np.asarray(Dropout(0.25).apply({}, ONES, KEYS))
    dropped = out == 0
    np.testing.assert_allclose(out[~dropped], 4 / 3, rtol=1e-6)
    assert abs(dropped.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / out.size)


def test_a_mask_belongs_to_its_example():
    layer = Dropout(0.5)
    alone = layer.apply({}, ONES[9:11], KEYS[9:11])
    np.testing.assert_array_equal(layer.apply({}, ONES, KEYS)[9:11], alone)
    assert (np.asarray(alone[0]) != np.asarray(alone[1])).any()


def test_without_keys_or_rate_nothing_is_dropped():
    np.testing.assert_array_equal(Dropout(0.5).apply({}, ONES, None), ONES)
    np.testing.assert_array_equal(Dropout(0.0).apply({}, ONES, KEYS), ONES)


def test_layers_of_one_network_have_masks_of_their_own():
    # Masks are seen through identity-like layers: equal activations in, zeros where dropped.
    net = DenseEncoder((32, 32), 2, 0, 0, dropout=0.5)
    images, labels = jnp.ones((1, 4, 4, 1)), jnp.zeros((1,), jnp.int32)
    params = net.init(jax.random.key(1), images, labels, False)["params"]
    params = jax.tree.map(jnp.zeros_like, params)
    for layer in ("Dense_0", "Dense_1"):
        params[layer]["bias"] = jnp.ones((32,))
    _, state = net.apply(
        {"params": params}, images, labels, True, KEYS[:1], capture_intermediates=True
    )
    first, second = (state["intermediates"][f"Dropout_{i}"]["__call__"][0] for i in (0, 1))
    assert ((first == 0) != (second == 0)).any()


def test_the_latent_discriminator_gives_a_logit_per_row():
    net = LatentDiscriminator((8, 8))
    params = net.init(jax.random.key(0), jnp.zeros((1, 3)))
    assert net.apply(params, jnp.ones((5, 3))).shape == (5,)
