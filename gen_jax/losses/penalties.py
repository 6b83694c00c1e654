"""Penalties of a critic's gradient at images, per example and unweighted.

A critic is any function of images [b, h, w, c] to outputs [b]. Each output must depend on its own
image alone: the gradient of the outputs' sum is then every output's gradient at its image. Batch
norm and minibatch statistics break that, and the penalty would no longer bound the critic's slope
(Gulrajani et al. 2017, section 4); layer norm and dropout do not.

The first three functions are the penalties at given draws; `PENALTIES` draws for them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Images = Float[Array, "b h w c"]
Share = Float[Array, "b"]
Keys = Key[Array, "b"]
Scalar = Float[Array, ""]
Critic = Callable[[Images], Float[Array, "b"]]
Penalty = Callable[[Critic, Images, Images, Keys, Scalar], Float[Array, "b"]]


def wgan_gp(critic: Critic, real: Images, fake: Images, share: Share) -> Float[Array, "b"]:
    """(||grad D(x^)|| - 1)^2 between real and generated images (Gulrajani et al. 2017, eq. 3).

    x^ = share * real + (1 - share) * fake, the share uniform on [0, 1] and one per pair.
    """
    return _off_unit_slope(critic, _between(fake, real, share))


def r1(critic: Critic, real: Images) -> Float[Array, "b"]:
    """1/2 ||grad D(x)||^2 at real images (Mescheder et al. 2018, eq. 9, before gamma)."""
    return 0.5 * _squared_slope(critic, real)


def dragan(
    critic: Critic, real: Images, noise: Images, std: Scalar, share: Share
) -> Float[Array, "b"]:
    """(||grad D(x^)|| - 1)^2 around real images (Kodali et al. 2017).

    The paper's theory perturbs x by noise of N(0, c I). This is what its authors' program does:
    x^ = x + share * 0.5 * std * noise, the noise uniform on [0, 1] for every value (never
    negative) and the share on [0, 1] for every image.

    Args:
      critic: images to outputs.
      real: the images x.
      noise: uniform on [0, 1].
      std: of all values of the global batch of real images.
      share: uniform on [0, 1].
    """
    return _off_unit_slope(critic, _between(real, real + 0.5 * std * noise, share))


def _between(start: Images, end: Images, share: Share) -> Images:
    return start + share[:, None, None, None] * (end - start)


def _squared_slope(critic: Critic, images: Images) -> Float[Array, "b"]:
    gradients = jax.grad(lambda x: jnp.sum(critic(x)))(images)
    return jnp.sum(jnp.square(gradients), axis=(1, 2, 3))


def _off_unit_slope(critic: Critic, images: Images) -> Float[Array, "b"]:
    squares = _squared_slope(critic, images)
    # The root's derivative at 0 is infinite, and times the gradient's 0 not a number. A critic is
    # flat at an image wherever all its units are off; it has no direction to be pulled in there.
    # So that `where` does not multiply the two, the root is never taken of a 0.
    flat = squares < jnp.finfo(squares.dtype).tiny
    slopes = jnp.where(flat, 0.0, jnp.sqrt(jnp.where(flat, 1.0, squares)))
    return jnp.square(slopes - 1)


def _uniform(keys: Keys, shape: tuple[int, ...] = ()) -> Float[Array, "b ..."]:
    return jax.vmap(lambda key: jax.random.uniform(key, shape))(keys)


def _draw_wgan_gp(
    critic: Critic, real: Images, fake: Images, keys: Keys, std: Scalar
) -> Float[Array, "b"]:
    del std
    return wgan_gp(critic, real, fake, _uniform(keys))


def _draw_r1(
    critic: Critic, real: Images, fake: Images, keys: Keys, std: Scalar
) -> Float[Array, "b"]:
    del fake, keys, std
    return r1(critic, real)


def _draw_dragan(
    critic: Critic, real: Images, fake: Images, keys: Keys, std: Scalar
) -> Float[Array, "b"]:
    del fake
    noise_keys, share_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    return dragan(critic, real, _uniform(noise_keys, real.shape[1:]), std, _uniform(share_keys))


PENALTIES: dict[str, Penalty] = {
    "wgan_gp": _draw_wgan_gp,
    "r1": _draw_r1,
    "dragan": _draw_dragan,
}
"""(critic, real, fake, one key per example, std of all real values of the global batch) to [b]."""
