"""Families with closed forms, and models of them on a few pictures made of given pixels."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from configs import base
from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.evals.model import Model

SHAPE = (2, 2, 1)
NAMES = tuple("abcde")


def split(images: np.ndarray, labels: np.ndarray | None = None) -> ArraySplit:
    """A split of uint8 images [n, H, W, C] of five classes; labels 0 .. 4 in turn by default."""
    labels = np.arange(len(images)) % len(NAMES) if labels is None else labels
    spec = DataSpec("toy", images.shape[1:], len(NAMES), NAMES, len(images))
    return ArraySplit(spec, images, labels.astype(np.int32))


def noise_images(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    """uint8 [count, *shape], uniform."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def model(
    family: Family,
    test: ArraySplit,
    train: ArraySplit | None = None,
    /,
    **overrides: Any,
) -> Model:
    """A model without a state, of the base config; overrides by dotted key."""
    config = base.get_config()
    defaults = {"family": "vae", "conditional": False, "eval.batch_size": 7}
    config.update_from_flattened_dict(defaults | overrides)
    return Model(family, None, config, test if train is None else train, test, 3)


def linear_gaussian(
    loadings: np.ndarray, sigma: float, widen: float = 0.0, shift: float = 0.0
) -> Family:
    """x = W z + sigma eps with orthogonal columns of W [d, Z], so that p(z | x) is diagonal.

    q(z | x) is p(z | x), its log variance larger by `widen` and its mean by `shift`.
    """
    w = jnp.asarray(loadings, jnp.float32)
    precision = 1 + jnp.sum(w**2, axis=0) / sigma**2

    def encode(state, images, labels):
        mean = images.reshape(len(images), -1) @ w / sigma**2 / precision[None] + shift
        return mean, jnp.broadcast_to(widen - jnp.log(precision)[None], mean.shape)

    def decode(state, z, labels):
        return (z @ w.T).reshape(-1, *SHAPE)

    def log_px(state, z, batch):
        x = batch["image"].reshape(len(z), -1)
        squared = jnp.sum((x - z @ w.T) ** 2, axis=1)
        return -0.5 * squared / sigma**2 - 0.5 * x.shape[1] * jnp.log(2 * jnp.pi * sigma**2)

    def never(*args):
        raise AssertionError("not called by evaluations")

    def sample(state, keys, labels):
        draw = lambda key: jax.random.normal(key, w.shape[1:])  # noqa: E731
        return decode(state, jax.vmap(draw)(keys), labels)

    return Family(never, never, sample=sample, encode=encode, decode=decode, log_px=log_px)


def codes(mean: Any, logvar: Any) -> Family:
    """A family that can only encode: `mean(images)` and `logvar(images)`, images flat [n, d]."""

    def encode(state, images, labels):
        flat = images.reshape(len(images), -1)
        return mean(flat), logvar(flat)

    return Family(lambda key: None, lambda *args: None, encode=encode)
