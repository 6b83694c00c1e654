"""How near a generator without an encoder comes to unseen images: z by gradient descent."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from gen_jax.core.state import TrainState
from gen_jax.evals.figures.codes import prior
from gen_jax.evals.model import Model, Result, to_uint8
from gen_jax.losses import elbo

DRAWS = 32
"""Draws of the prior for each image, the nearest of which is where its descent starts."""
LEARNING_RATE = 0.05

UNITS = {
    "inversion_mse": "mean over pixels on [-1, 1] and images, test image and nearest picture found",
    "inversion_mse_start": f"the same, nearest of {DRAWS} samples",
    "inversion_psnr": "dB, mean over images, peak to peak 2",
    "inversion_z_norm": "|z| / sqrt(Z), mean over images; about 1 for draws from N(0, I)",
}


def evaluate(model: Model) -> Result | None:
    """Inverts the generator at the first `eval.inversions` test images.

    z minimises the mean squared error of decode(z, y) to the image, as in Creswell & Bharath (2018)
    and, without their stochastic clipping, Lipton & Tripathi (2017): Adam for
    `eval.inversion_steps` steps from the nearest of DRAWS draws of the prior, its learning rate
    falling from LEARNING_RATE to 0 along a cosine so that it ends in a minimum, not around one.
    Nothing holds z to the prior, hence its norm among the numbers. All of it is free, InfoGAN's
    codes included, which need not end one-hot or in [-1, 1]. A conditional model is told the
    image's class.

    None for families that encode or have nothing to invert, and for points in the plane.
    """
    family, settings = model.family, model.config.eval
    able = family.encode is None and family.prior is not None and family.decode is not None
    if not able or model.test.spec.modes or settings.inversions <= 0:
        return None
    count = min(settings.inversions, len(model.test))
    labels = model.test.labels[:count]
    # Not in blocks: example i has its own draws whatever the block size.
    draws = prior(model, np.repeat(labels, DRAWS)).reshape(count, DRAWS, -1)
    descend = _descent(model, settings.inversion_steps)
    parts = []
    for indices, batch in model.blocks(model.test, count):
        start = _nearest(model, draws[indices], batch)
        end = descend(start, batch)
        pictures = model.decode(end, batch["label"])
        before = _errors(model.decode(start, batch["label"]), batch["image"])
        parts.append((batch["image"], pictures, before, _errors(pictures, batch["image"]), end))
    images, pictures, before, after, z = map(np.concatenate, zip(*parts, strict=True))
    return Result(
        values={
            "inversion_mse": float(after.mean()),
            "inversion_mse_start": float(before.mean()),
            "inversion_psnr": float(np.asarray(elbo.psnr(jnp.asarray(after)), np.float64).mean()),
            "inversion_z_norm": float(np.linalg.norm(z, axis=1).mean() / np.sqrt(z.shape[1])),
        },
        units=UNITS,
        protocol={
            "split": "test",
            "num_examples": count,
            "seed": model.config.seed,
            "draws": DRAWS,
            "steps": settings.inversion_steps,
            "optimizer": "Adam, learning rate to 0 along a cosine",
            "learning_rate": LEARNING_RATE,
        },
        arrays={
            "inversion_input": to_uint8(images),
            "inversion_output": to_uint8(pictures),
            "inversion_labels": labels,
        },
    )


def _nearest(model: Model, draws: np.ndarray, batch: dict[str, np.ndarray]) -> np.ndarray:
    """Of draws [n, d, Z] those whose pictures are nearest to the images, [n, Z]."""
    count, each, size = draws.shape
    pictures = model.decode(draws.reshape(-1, size), np.repeat(batch["label"], each))
    errors = _errors(pictures, np.repeat(batch["image"], each, axis=0)).reshape(count, each)
    return draws[np.arange(count), errors.argmin(axis=1)]


def _descent(model: Model, steps: int) -> Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray]:
    """The descent from z [n, Z] at images: z after `steps` steps, or the best met on the way."""
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, max(steps, 1)))
    step = jax.jit(_step(model.jitted("decode"), optimizer))

    def descend(start: np.ndarray, batch: dict[str, np.ndarray]) -> np.ndarray:
        images, labels = batch["image"], batch["label"]
        z = best = jnp.asarray(start)
        least, opt = jnp.full(len(start), jnp.inf), optimizer.init(z)
        # In a loop inside XLA, convolutions are slow on a CPU.
        for _ in range(steps):
            z, opt, best, least = step(model.state, z, opt, best, least, images, labels)
        last = _errors(model.decode(np.asarray(z), labels), images)
        return np.where((last < np.asarray(least))[:, None], z, best)

    return descend


def _step(decode: Callable, optimizer: optax.GradientTransformation) -> Callable:
    """One step of every z by the gradient of its own error; keeps the z of the least error."""

    def objective(
        z: Float[Array, "n z"], state: TrainState, images: Float[Array, "n h w c"], labels: Any
    ) -> tuple[Float[Array, ""], Float[Array, "n"]]:
        squared = jnp.square(decode(state, z, labels) - images).reshape(len(z), -1)
        # The sum has the minima of the mean, and gradients well above Adam's epsilon.
        return jnp.sum(squared), jnp.mean(squared, axis=-1)

    def step(
        state: TrainState,
        z: Float[Array, "n z"],
        opt: Any,
        best: Float[Array, "n z"],
        least: Float[Array, "n"],
        images: Float[Array, "n h w c"],
        labels: Int[Array, "n"],
    ) -> tuple[Float[Array, "n z"], Any, Float[Array, "n z"], Float[Array, "n"]]:
        gradient, errors = jax.grad(objective, has_aux=True)(z, state, images, labels)
        best = jnp.where((errors < least)[:, None], z, best)
        updates, opt = optimizer.update(gradient, opt, z)
        return optax.apply_updates(z, updates), opt, best, jnp.minimum(errors, least)

    return step


def _errors(pictures: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Mean squared error over the pixels of each image, float64 [n]."""
    squared = np.square(pictures.astype(np.float64) - images)
    return squared.reshape(len(images), -1).mean(axis=1)
