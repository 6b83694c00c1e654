"""Families small enough to compile in a second, and a way to see their gradients."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from configs import base
from gen_jax.core import optimizers, parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.families import FAMILIES
from gen_jax.families.networks import Networks

Tree = Any
TINY = {
    "batch_size": 8,
    "z_dim": 4,
    "label_dim": 3,
    "encoder.widths": (4,),
    "generator.widths": (4,),
    "discriminator.widths": (4,),
    "discriminator.hidden": 8,
    "classifier.widths": (4,),
}


class Tiny(NamedTuple):
    """Builds families on 8x8 images of five classes, and runs them.

    Attributes:
        spec: what the families are built for; 32 examples, so four steps an epoch.
        config: flattened overrides of base -> config.
        make: overrides -> Family.
        batch: size, draws (1) -> host batch, float images [draws, n, H, W, C] and labels [draws, n]
            (class 3 absent).
        keys: size -> [n], one key per example.
        state: family or its networks -> a state of made-up numbers: no gain is 1, no bias 0.
        alone: function -> the same on a batch axis of one device. Not compiled as a whole, so that
            tests share what they compile, operation by operation.
        step: family -> (state, batch, keys) -> (state, metrics), alone.
    """

    spec: DataSpec
    config: Callable[..., ConfigDict]
    make: Callable[..., Family]
    batch: Callable[..., dict[str, np.ndarray]]
    keys: Callable[[int], jax.Array]
    state: Callable[[Family | Networks], TrainState]
    alone: Callable[[Callable], Callable]
    step: Callable[[Family], Callable[..., tuple[TrainState, dict[str, jax.Array]]]]


SPEC = DataSpec("tiny", (8, 8, 3), 5, tuple("abcde"), num_examples=32)


def _config(**overrides: Any) -> ConfigDict:
    config = base.get_config()
    config.update_from_flattened_dict(TINY | overrides)
    return config


def _make(**overrides: Any) -> Family:
    config = _config(**overrides)
    return FAMILIES[config.family](config, SPEC)


def _batch(size: int, draws: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (draws, size, *SPEC.shape)).astype(np.float32)
    return {"image": images, "label": rng.choice([0, 1, 2, 4], (draws, size)).astype(np.int32)}


def _keys(size: int) -> jax.Array:
    return jax.random.split(jax.random.key(1), size)


def _state(family: Family | Networks) -> TrainState:
    rng = np.random.default_rng(2)
    shapes = jax.eval_shape(family.init, jax.random.key(0))

    def fill(tree: Tree, low: float, high: float) -> Tree:
        draw = lambda leaf: jnp.asarray(rng.uniform(low, high, leaf.shape), leaf.dtype)  # noqa: E731
        return jax.tree.map(draw, tree)

    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return zeros._replace(
        params=fill(shapes.params, -0.5, 0.5),
        batch_stats=fill(shapes.batch_stats, 0.5, 1.5),
        ema={
            name: {
                "params": fill(average["params"], -0.5, 0.5),
                "batch_stats": fill(average["batch_stats"], 0.5, 1.5),
            }
            for name, average in shapes.ema.items()
        },
    )


def _step(family: Family) -> Callable[..., tuple[TrainState, Tree]]:
    # Nothing here concerns a batch as a whole, hence one key for all.
    step = lambda state, batch, keys: family.step(state, batch, keys[None], keys[0])  # noqa: E731
    return parallel.alone(step)


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    return Tiny(SPEC, _config, _make, _batch, _keys, _state, parallel.alone, _step)


@pytest.fixture
def gradients_as_opt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain gradient descent whose state is the last gradient: `state.opt[network]`."""

    def descent(name: str, learning_rate: float, *settings: Any) -> optax.GradientTransformation:
        del name, learning_rate, settings
        return optax.GradientTransformation(
            lambda params: jax.tree.map(jnp.zeros_like, params),
            lambda grads, state, params: (jax.tree.map(lambda g: -1e-3 * g, grads), grads),
        )

    monkeypatch.setattr(optimizers, "make", descent)
