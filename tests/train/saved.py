"""A small state with every kind of leaf, saved and damaged."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gen_jax.core.digest import digest
from gen_jax.train.checkpoints import Checkpoints


class State(NamedTuple):
    step: jax.Array
    params: dict
    ema: dict
    opt: dict
    extra: dict


def state(step: int = 0) -> State:
    w_key, key = jax.random.split(jax.random.key(step))
    params = {"w": jax.random.normal(w_key, (9, 5)), "b": jnp.full(5, 0.1 + step, jnp.bfloat16)}
    opt = {"net": optax.adam(1e-3).init(params)}
    extra = {"key": key, "none": {}, "pool": jnp.zeros((0, 4)), "uint": jnp.uint8(3)}
    return State(jnp.int32(step), {"net": params, "bare": {}}, {}, opt, extra)


def assert_identical(restored, original):
    assert jax.tree.structure(restored) == jax.tree.structure(original)
    for ours, theirs in zip(jax.tree.leaves(restored), jax.tree.leaves(original), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert digest(restored) == digest(original)


def save(directory, steps, **options):
    with Checkpoints(directory, **options) as checkpoints:
        for step in steps:
            assert checkpoints.save(step, state(step), {"mse": 1.0 / (step + 1)})


def snapshot(directory: Path):
    return {
        path.relative_to(directory): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


def flip(path: Path, offset: int):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def damage(directory: Path):
    """Changes one entry of the checkpoint's record."""
    record = directory / "meta" / "metadata"
    record.write_text(record.read_text().replace('"config": ""', '"config": "?"'))
