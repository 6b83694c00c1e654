"""Corruptions of the input of a denoising autoencoder (Vincent et al. 2010, section 3.3)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Pixels = Float[Array, "n h w c"]
Keys = Key[Array, "n"]


def gaussian(keys: Keys, images: Pixels, level: float) -> Pixels:
    """Adds Gaussian noise of standard deviation `level` to every value; no clipping."""
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + level * noise


def masking(keys: Keys, images: Pixels, level: float) -> Pixels:
    """Blackens a fraction `level` of the pixels (-1, in every channel)."""
    return jnp.where(_uniform(keys, images) < level, -1.0, images)


def salt_and_pepper(keys: Keys, images: Pixels, level: float) -> Pixels:
    """Turns half of a fraction `level` of the pixels black and half white."""
    u = _uniform(keys, images)
    return jnp.where(u < level / 2, -1.0, jnp.where(u < level, 1.0, images))


def _uniform(keys: Keys, images: Pixels) -> Float[Array, "n h w 1"]:
    shape = (*images.shape[1:-1], 1)
    return jax.vmap(lambda key: jax.random.uniform(key, shape))(keys)


CORRUPTIONS = {"gaussian": gaussian, "masking": masking, "salt_and_pepper": salt_and_pepper}
