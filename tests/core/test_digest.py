import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.core.digest import (
    by_path,
    digest,
    leaf_digests,
    manifest,
    rebuild,
    seal,
    to_host,
    unlike,
    unseal,
)


class State(NamedTuple):
    step: jax.Array
    params: dict
    opt: optax.OptState


def state() -> State:
    params = {"net": {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3, jnp.bfloat16)}, "no": {}}
    return State(jnp.int32(7), params, optax.adam(1e-3).init(params))


def test_same_wherever_the_leaves_live():
    on_device = state()
    assert digest(on_device) == digest(jax.device_get(on_device)) == digest(to_host(on_device))
    strided = np.arange(12.0, dtype=np.float32)[::2]
    assert (
        digest({"a": strided}) == digest({"a": strided.copy()}) == digest({"a": jnp.array(strided)})
    )
    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert digest([columns]) == digest([np.ascontiguousarray(columns)])


def test_order_of_keys_does_not_matter():
    assert digest({"a": np.zeros(1), "b": np.ones(1)}) == digest(
        {"b": np.ones(1), "a": np.zeros(1)}
    )


def test_differs_in_path_dtype_shape_and_sign_of_zero():
    zeros = np.zeros((2, 2), np.float32)
    others = [
        {"b": zeros},
        [zeros],
        {"a": zeros, "b": zeros},
        {"a": zeros.astype(np.int32)},
        {"a": zeros.reshape(4)},
        {"a": -zeros},
        {"a": {"a": zeros}},
    ]
    assert len({digest(tree) for tree in [{"a": zeros}, *others]}) == 8


@given(bit=st.integers(0, 6 * 32 - 1))
def test_every_bit_counts(bit):
    array = np.arange(6, dtype=np.float32)
    flipped = array.copy()
    flipped.view(np.uint8)[bit // 8] ^= 1 << bit % 8
    assert digest({"a": array}) != digest({"a": flipped})


def test_leaf_digests_locate_a_difference():
    before, after = leaf_digests(state()), leaf_digests(state()._replace(step=jnp.int32(8)))
    assert {path for path in before if before[path] != after[path]} == {".step"}
    assert ".params['net']['w']" in before


def test_typed_keys_hash_as_their_data():
    key = jax.random.key(3)
    assert digest({"key": key}) == digest({"key": jax.random.key_data(key)})
    assert digest({"key": key}) != digest({"key": jax.random.key(4)})


def test_objects_are_refused():
    with pytest.raises(TypeError):
        digest({"a": np.array([{}, None], object)})


def test_fast_enough_for_every_checkpoint():
    tree = {str(i): np.ones((256, 1024), np.float32) for i in range(20)}  # 21 MB
    start = time.process_time()
    digest(tree)
    assert time.process_time() - start < 0.5


def test_manifest_tells_trees_apart():
    tree = state()
    saved = manifest(tree, to_host(tree))
    assert unlike(tree, saved) is None
    assert unlike(jax.eval_shape(state), saved) is None
    wider = tree._replace(params={"net": {**tree.params["net"], "w": jnp.ones((2, 4))}})
    assert (
        unlike(wider, saved)
        == "leaf .params['net']['w'] is float32[2, 3] there, float32[2, 4] here"
    )
    fewer = tree._replace(params={"net": {"w": tree.params["net"]["w"]}})
    assert unlike(fewer, saved) == "leaf .params['net']['b'] is bfloat16[3] there, absent here"


def test_rebuild_returns_the_tree_or_names_the_leaf():
    tree = {"a": jnp.arange(3), "empty": jnp.zeros((0, 2)), "key": jax.random.key(1, impl="rbg")}
    saved = manifest(tree, to_host(tree))
    arrays = by_path(to_host(tree))
    del arrays["['empty']"]
    rebuilt = rebuild(jax.eval_shape(lambda: tree), arrays, saved)
    assert digest(rebuilt) == digest(tree)
    assert rebuilt["key"].dtype == tree["key"].dtype
    assert rebuilt["empty"].shape == (0, 2)
    with pytest.raises(ValueError, match=r"leaf \['a'\] is altered"):
        rebuild(tree, {**arrays, "['a']": np.array([0, 1, 3])}, saved)
    del arrays["['a']"]
    with pytest.raises(ValueError, match=r"leaf \['a'\] is missing"):
        rebuild(tree, arrays, saved)


def test_seal_breaks_when_an_entry_changes():
    sealed = seal({"step": 3, "metrics": {"mse": float("nan")}})
    assert unseal(sealed)["step"] == 3
    for broken in ({**sealed, "step": 4}, {**sealed, "more": 0}, {"step": 3}):
        with pytest.raises(ValueError, match="checksum"):
            unseal(broken)
