"""SHA-256 of a pytree: two trees have one digest when their arrays are bitwise equal, path by path.

A digest covers the key path, dtype, shape and bytes of every leaf, and nothing of where the leaf
lives: a JAX array on any device and its NumPy copy agree, and so do a typed PRNG key and its key
data. Containers without leaves (`{}`, `optax.EmptyState()`) leave no trace.

A manifest is the same per leaf and readable: `{path: {"dtype", "shape", "sha256"}}`, where a typed
key's dtype is the key's and its "prng" names the implementation.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Manifest = dict[str, dict[str, Any]]


def digest(tree: Any) -> str:
    """SHA-256 (hex, 64 characters) of every leaf's path, dtype, shape and bytes.

    Raises:
        TypeError: a leaf is not made of numbers (an object array, a function).
    """
    return combine(leaf_digests(tree))


def leaf_digests(tree: Any) -> dict[str, str]:
    """SHA-256 (hex) of each leaf's dtype, shape and bytes, by path; raises like `digest`."""
    return {path: _leaf_digest(leaf) for path, leaf in by_path(to_host(tree)).items()}


def combine(digests: Mapping[str, str]) -> str:
    """The `digest` (hex) of a tree whose `leaf_digests` are `digests`, in any order."""
    total = hashlib.sha256()
    for path in sorted(digests):
        total.update(f"{path}\0{digests[path]}\n".encode())
    return total.hexdigest()


def seal(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record (of what JSON can write) with a "checksum" of all its entries added."""
    text = json.dumps(record, sort_keys=True)
    return {**record, "checksum": hashlib.sha256(text.encode()).hexdigest()}


def unseal(sealed: Mapping[str, Any]) -> dict[str, Any]:
    """The record `seal` was given; raises ValueError if an entry has changed since."""
    record = {name: value for name, value in sealed.items() if name != "checksum"}
    if seal(record)["checksum"] != sealed.get("checksum"):
        raise ValueError("the checksum of the record does not match")
    return record


def by_path(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by `jax.tree_util.keystr` path, in the order of the tree."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def to_host(tree: Any) -> Any:
    """The same tree with NumPy leaves; typed PRNG keys become their `uint32` key data.

    On CPU a leaf may be a view of the JAX array's buffer, not a copy.
    """
    raw = jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _is_key(leaf) else leaf, tree)
    # One device_get over the tree starts every transfer before it waits for the first.
    return jax.tree.map(np.asarray, jax.device_get(raw))


def manifest(tree: Any, host: Any) -> Manifest:
    """The manifest of a tree whose `to_host` is `host` (given, so that it is fetched only once)."""
    leaves, digests = _layout(tree), leaf_digests(host)
    for path, leaf in by_path(tree).items():
        leaves[path]["sha256"] = digests[path]
        if _is_key(leaf):
            leaves[path]["prng"] = str(jax.random.key_impl(leaf))
    return leaves


def unlike(target: Any, saved: Manifest) -> str | None:
    """Where a tree, concrete or abstract, has other leaves than a manifest; None if nowhere."""
    wanted = _layout(target)
    for path in sorted({*wanted, *saved}):
        here, there = (
            f"{leaf['dtype']}{leaf['shape']}" if leaf else "absent"
            for leaf in (wanted.get(path), saved.get(path))
        )
        if here != there:
            return f"leaf {path} is {there} there, {here} here"
    return None


def rebuild(target: Any, arrays: Mapping[str, np.ndarray], saved: Manifest) -> Any:
    """A tree like `target` from the `to_host` leaves of the tree the manifest is of, by path.

    Leaves of size 0 may be missing from `arrays`; typed PRNG keys are made from their data again.

    Raises:
        ValueError: a leaf is missing or its digest is not that of the manifest; names the first.
    """

    def leaf(key_path: Any, _: Any) -> Any:
        path = jax.tree_util.keystr(key_path)
        expected = saved[path]
        array = arrays.get(path)
        if array is None and 0 in expected["shape"]:
            array = np.zeros(expected["shape"], expected["dtype"])
        if array is None or _leaf_digest(array) != expected["sha256"]:
            raise ValueError(f"leaf {path} is {'missing' if array is None else 'altered'}")
        prng = expected.get("prng")
        return jax.random.wrap_key_data(jnp.asarray(array), impl=prng) if prng else array

    return jax.tree_util.tree_map_with_path(leaf, target)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _layout(tree: Any) -> Manifest:
    leaves = by_path(jax.tree.map(lambda x: x if hasattr(x, "dtype") else np.asarray(x), tree))
    return {path: {"dtype": str(x.dtype), "shape": list(x.shape)} for path, x in leaves.items()}


def _leaf_digest(array: np.ndarray) -> str:
    # `dtype.name`, since `dtype.str` calls bfloat16 and other extension types plain void bytes.
    leaf = hashlib.sha256(f"{array.dtype.name}{list(array.shape)}\0".encode())
    # The bytes are hashed in place: extension dtypes export no buffer of their own, uint8 does.
    leaf.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return leaf.hexdigest()
