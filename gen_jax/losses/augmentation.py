"""Differentiable augmentation of what a discriminator or a classifier sees.

The first functions are the transformations at given draws; `AUGMENTATIONS` draws for them. Every
image is transformed by draws of its own.

Color, translation and cutout are DiffAugment's (Zhao et al. 2020, section 3 and the ranges of their
appendix), for real and generated images alike: what comes from outside the picture, or is cut out
of it, is 0, grey on [-1, 1]. Flip and shift are what classifiers are trained with (He et al. 2016,
section 4.2): a shift repeats the edge of the picture, which then is one that the data could hold,
whatever the colour of its background.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

Images = Float[Array, "n h w c"]
Keys = Key[Array, "n"]
Number = Float[Array, "n"]
Place = Int[Array, "n"]


def color(images: Images, brightness: Number, saturation: Number, contrast: Number) -> Images:
    """Adds brightness, then stretches each pixel about its grey and the image about its mean.

    Args:
      images: any range; nothing is clipped.
      brightness: added to every value.
      saturation: factor of the distance of a pixel's channels from their mean.
      contrast: factor of the distance of all values from theirs.
    """
    brightness, saturation, contrast = (
        number[:, None, None, None] for number in (brightness, saturation, contrast)
    )
    images = images + brightness
    grey = jnp.mean(images, axis=-1, keepdims=True)
    images = grey + saturation * (images - grey)
    mean = jnp.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + contrast * (images - mean)


def translation(images: Images, down: Place, right: Place) -> Images:
    """Moves each image by so many pixels, at most an eighth of the side, up or left if negative."""
    return _moved(images, down, right, "constant")


def shift(images: Images, down: Place, right: Place) -> Images:
    """The same, but that the first or last row and column are repeated where nothing was."""
    return _moved(images, down, right, "edge")


def flip(images: Images, mirrored: Bool[Array, "n"]) -> Images:
    """Mirrors, left to right, the images that are to be."""
    return jnp.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def cutout(images: Images, top: Place, left: Place) -> Images:
    """Blanks a rectangle of half the height and width from row `top` and column `left` on.

    Either may be negative, or so large that the rectangle ends outside the image.
    """
    rows, columns = _covered(top, images.shape[1]), _covered(left, images.shape[2])
    cut = rows[:, :, None] & columns[:, None]
    return jnp.where(cut[..., None], 0.0, images)


def _moved(images: Images, down: Place, right: Place, outside: str) -> Images:
    rows, columns = (_eighth(side) for side in images.shape[1:3])
    padded = jnp.pad(images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode=outside)

    def window(image, down, right):
        start = (rows - down, columns - right, 0)
        return jax.lax.dynamic_slice(image, start, images.shape[1:])

    return jax.vmap(window)(padded, down, right)


def _covered(start: Place, side: int) -> Bool[Array, "n side"]:
    places = jnp.arange(side)[None] - start[:, None]
    return (places >= 0) & (places < _half(side))


def _eighth(side: int) -> int:
    return (side + 4) // 8  # rounded, halves up, as is the next


def _half(side: int) -> int:
    return (side + 1) // 2


def _draw_color(images: Images, keys: Keys) -> Images:
    u = jax.vmap(lambda key: jax.random.uniform(key, (3,)))(keys)
    return color(images, u[:, 0] - 0.5, 2 * u[:, 1], u[:, 2] + 0.5)


def _draw_moves(move: Callable[..., Images], images: Images, keys: Keys) -> Images:
    most = jnp.array([_eighth(side) for side in images.shape[1:3]])
    moves = jax.vmap(lambda key: jax.random.randint(key, (2,), -most, most + 1))(keys)
    return move(images, moves[:, 0], moves[:, 1])


def _draw_flip(images: Images, keys: Keys) -> Images:
    return flip(images, jax.vmap(jax.random.bernoulli)(keys))


def _draw_cutout(images: Images, keys: Keys) -> Images:
    sides = images.shape[1:3]
    halves = jnp.array([_half(side) for side in sides])
    # The middle is any pixel; of an even square, any corner of one.
    ends = jnp.array(sides) + 1 - halves % 2
    middles = jax.vmap(lambda key: jax.random.randint(key, (2,), 0, ends))(keys)
    starts = middles - halves[None] // 2
    return cutout(images, starts[:, 0], starts[:, 1])


AUGMENTATIONS: dict[str, Callable[[Images, Keys], Images]] = {
    "color": _draw_color,
    "translation": partial(_draw_moves, translation),
    "cutout": _draw_cutout,
    "flip": _draw_flip,
    "shift": partial(_draw_moves, shift),
}
"""(images, one key per image) -> images. Brightness is uniform on [-0.5, 0.5], saturation on
[0, 2], contrast on [0.5, 1.5]; moves are uniform up to an eighth of the side (4 pixels of 28 or 32)
and so is the middle of what is cut out over the image; one image in two, by a coin, is mirrored."""


def augment(images: Images, keys: Keys, policies: Sequence[str]) -> Images:
    """The policies in turn; equal keys transform real and generated images alike.

    Args:
      images: on [-1, 1], though the result may leave it.
      keys: one per image, from which every policy gets its own.
      policies: keys of `AUGMENTATIONS`; none leaves the images as they are.

    Raises:
      KeyError: there is no such policy.
    """
    for index, policy in enumerate(policies):
        own = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, index)
        images = AUGMENTATIONS[policy](images, own)
    return images
