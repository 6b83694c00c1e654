"""The walker sees every use of a key: no more in sound code, no fewer where one is used twice."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax.extend.random import threefry_2x32

from gen_jax.audit.key_rules import faults
from gen_jax.audit.key_uses import key_uses

KEY = jax.random.key(7)
normal, split, fold_in = jax.random.normal, jax.random.split, jax.random.fold_in


def kinds(function, *args):
    return [use.kind for use in key_uses(function, *args)]


def scanned(key):
    """Draws of a key split off at every iteration."""

    def body(carry, row):
        carry, own = split(carry)
        return carry, row * normal(own)

    return jax.lax.scan(body, key, jnp.ones(4), reverse=True)[1]


def scanned_over_keys(key):
    return jax.lax.scan(lambda c, own: (c + normal(own), None), 0.0, split(key, 4))[0]


def folded_by_iteration(key):
    body = lambda c, i: (c + normal(fold_in(key, i)), i)  # noqa: E731
    return jax.lax.scan(body, 0.0, jnp.arange(3))[0]


def sum_of_children(key):
    left, right = split(key)
    return normal(left) + normal(right)


def grand_children(key):
    children = [fold_in(key, i) for i in range(2)]
    return sum(normal(fold_in(child, j)) for child in children for j in range(2))


def one_draw_for_all(key):
    return jax.vmap(lambda x: x * normal(key))(jnp.ones(3))


def one_key_each(key):
    return jax.vmap(lambda own: normal(own, (2,)))(split(key, 3))


def raw_children(key):
    del key
    left, right = split(jax.random.PRNGKey(0))
    return normal(left) + normal(right)


def differentiated(key):
    def loss(x):
        hidden = jax.checkpoint(lambda x: jnp.sin(x) * normal(key))(x)
        return nn.relu(hidden) * nn.silu(hidden)

    return jax.grad(loss)(1.0)


def jitted_twice(key):
    draw = jax.jit(lambda key: normal(key))
    return sum(map(draw, split(key)))


@pytest.mark.parametrize(
    ("function", "draws"),
    [
        (scanned, 4),
        (scanned_over_keys, 4),
        (folded_by_iteration, 3),
        (sum_of_children, 2),
        (grand_children, 4),
        (one_draw_for_all, 1),
        (one_key_each, 3),
        (raw_children, 2),
        (differentiated, 1),
        (jitted_twice, 2),
        (lambda key: jax.random.gamma(key, 2.0), 1),
        (lambda key: jax.random.permutation(key, 8), 1),
    ],
)
def test_sound_code_has_no_fault(function, draws):
    uses = key_uses(function, KEY)
    assert [use.kind for use in uses].count("draw") == draws
    assert not faults(uses)


class Dropping(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dropout(0.5, deterministic=False)(x)


def two_applies(key):
    x, net = jnp.ones((4, 3)), Dropping()
    return net.apply({}, x, rngs={"dropout": key}) + net.apply({}, x, rngs={"dropout": key})


def raw_twice(key):
    del key
    raw = jax.random.PRNGKey(3)
    return normal(raw) + jax.random.uniform(raw)


def raw_and_typed(key):
    return normal(key) + normal(jax.random.key_data(key))


def broadcast(key):
    return jax.vmap(normal)(jnp.broadcast_to(key, (5,)))


def scanned_with_one_key(key):
    return jax.lax.scan(lambda c, _: (c + normal(key), None), 0.0, length=3)[0]


def split_is_fold(key):
    # JAX makes the i-th child of a split as it makes the child that i is folded into.
    return normal(split(key)[1]) + normal(fold_in(key, 1))


def threefry_twice(key):
    words, counts = jax.random.key_data(key), jnp.arange(4, dtype=jnp.uint32)
    return threefry_2x32(words, counts) + threefry_2x32(words, counts + 4)


@pytest.mark.parametrize(
    ("function", "keys", "said"),
    [
        (lambda key: normal(key) + normal(key), 1, "drawn from"),
        (lambda key: normal(key) + normal(fold_in(key, 1)), 1, "folded with 1"),
        (lambda key: normal(key) + normal(split(key)[0]), 1, "split"),
        (lambda key: normal(split(key)[0]) + normal(split(key)[1]), 1, "split"),
        (lambda key: normal(fold_in(key, 3)) + jnp.sum(fold_in(key, 3) == key), 1, "with 3"),
        (lambda key: jax.vmap(lambda i: normal(fold_in(key, i // 2)))(jnp.arange(6)), 4, "folded"),
        (lambda key: jax.jit(normal)(key) + jax.jit(lambda k: normal(k, (3,)).sum())(key), 1, ""),
        (two_applies, 2, "drawn from"),
        (raw_twice, 1, "drawn from"),
        (raw_and_typed, 1, "drawn from"),
        (broadcast, 1, "drawn from"),
        (scanned_with_one_key, 1, "drawn from"),
        (split_is_fold, 2, "split"),
        (threefry_twice, 1, "drawn from"),
    ],
)
def test_a_key_used_twice_is_found(function, keys, said):
    found = faults(key_uses(function, KEY))
    assert sum(len(fault.keys) for fault in found) == keys
    assert any(said in str(fault) for fault in found)


def test_no_network_is_computed():
    weights = jax.ShapeDtypeStruct((3, 3), jnp.float32)
    assert kinds(lambda key, w: normal(key, (3,)) @ jnp.linalg.inv(w), KEY, weights) == ["draw"]


def test_a_key_made_of_an_unknown_argument_is_refused():
    number = jax.ShapeDtypeStruct((), jnp.int32)
    with pytest.raises(ValueError, match="a shape only"):
        key_uses(lambda key, i: normal(fold_in(key, 2 * i)), KEY, number)


def test_a_long_chain_of_arithmetic_is_followed():
    def function(key):
        number = jnp.uint32(0)
        for _ in range(1500):
            number += 1
        return normal(fold_in(key, number))

    assert [use.data for use in key_uses(function, KEY)] == [1500, None]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda key: jax.lax.while_loop(lambda x: x < 3, lambda x: x + normal(key), 0.0), "while"),
        (lambda key: jax.lax.cond(key == KEY, lambda: normal(key), lambda: 0.0), "cond"),
        (lambda key: jax.pmap(normal)(split(key, 2)), ".*"),
    ],
)
def test_what_the_jaxpr_does_not_tell_is_refused(function, name):
    with pytest.raises(
        NotImplementedError, match=rf"random keys inside '{name}', at (audit/|an unknown)"
    ):
        key_uses(function, KEY)


def test_loops_that_use_no_key_may_give_one():
    def function(key):
        number = jax.lax.while_loop(lambda i: i < 9, lambda i: i + 2, 0)
        number += jax.lax.cond(number > 3, lambda: 1, lambda: 0)
        return normal(fold_in(key, number))

    assert [use.data for use in key_uses(function, KEY)] == [11, None]
