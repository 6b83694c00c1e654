"""Perceptual distance: how far apart images are as a frozen network sees them."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float


def distance(
    features: Sequence[Float[Array, "b h w c"]], targets: Sequence[Float[Array, "b h w c"]]
) -> Float[Array, "b"]:
    """Sum over layers of 1 / (C H W) ||phi(x) - phi(x')||^2 (Johnson et al. 2016, eq. 2).

    Feature maps are compared as they are, not with their channels scaled to unit length (LPIPS,
    Zhang et al. 2018, eq. 1): that distance is 0 between maps that differ in strength alone, and
    weaker responses everywhere are what blur looks like to such a network. Its gradient also has
    no limit where all channels are 0, which after a ReLU they often are.

    Args:
        features: feature maps of a batch, one array per layer.
        targets: feature maps of the images to compare with, the same shapes.

    Raises:
        ValueError: the layers are not as many, or not of the same shapes.
    """
    pairs = list(zip(features, targets, strict=True))
    for ours, theirs in pairs:
        if ours.shape != theirs.shape:
            raise ValueError(f"feature maps of shapes {ours.shape} and {theirs.shape}")
    layers = [jnp.mean(jnp.square(ours - theirs), axis=(1, 2, 3)) for ours, theirs in pairs]
    return jnp.sum(jnp.stack(layers), axis=0)
