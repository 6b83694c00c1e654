"""Features of Inception-v3, which FID, KID and the Inception Score compare images by.

Images are brought to 299x299 as pytorch-fid does it (`RESIZE`), which is neither what the graph of
2015 did by itself nor what antialiasing libraries do. Distances under one resizing do not compare
with those under another (Parmar et al. 2022, arXiv:2104.11222).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from gen_jax.core.files import expanded
from gen_jax.errors import UserError, choose
from gen_jax.features import archive, inception_weights
from gen_jax.features import inception_graph as graph
from gen_jax.features.network import Misfit

RESIZE = (
    "bilinear to 299x299, no antialiasing, half-pixel centres, on [0, 1]; then 2x - 1 "
    "(PyTorch's F.interpolate with align_corners=False, as pytorch-fid)"
)
"""How images are brought to the network, for the record of whoever stores a number."""

CHUNK = 64
"""Images that `extract` takes at a time, whatever blocks it is given."""

OBTAIN = (
    "pass pt_inception-2015-12-05-6726825d.pth (from the releases of "
    "https://github.com/mseitzer/pytorch-fid), or what gen_jax.features.convert made of it"
)

Images = UInt8[np.ndarray, "n h w c"]
Features = dict[str, Float[np.ndarray, "n d"]]


class Inception(NamedTuple):
    """The frozen network as a function of images.

    Attributes:
      digest: SHA-256 (hex) of the file its weights came from.
      taps: what the file suffices for, of `inception_graph.DIMENSIONS`.
      apply: (uint8 images [n, H, W, C], taps) -> features [n, d] float32 by tap. Images of any
        size, of 1 channel (shown in red, green and blue alike) or 3. Raises UserError if the file
        does not suffice for a tap, there is no such tap, or images have other channels.
    """

    digest: str
    taps: tuple[str, ...]
    apply: Callable[[Images, Sequence[str]], Features]


def load(path: str | Path, block: int | None = None) -> Inception:
    """The network from its weights file (`inception_weights` says what it may hold).

    Args:
        path: an .npz, or a state dict that PyTorch saved, which takes PyTorch to read.
        block: images a forward pass. Blocks are always full, the last one padded, so that an
            image's features depend on nothing but the image and its place in its block. By default
            1 on a CPU, where more are no faster (`benchmarks/inception.py`), else `CHUNK`.

    Raises:
        UserError: there is no such file, it cannot be read, or it is of something else.
    """
    file = expanded(path)
    if not file.is_file():
        raise UserError(f"Inception-v3: {path} is not a file; {OBTAIN}")
    try:
        weights = inception_weights.unpack(archive.read(file))
    except Misfit as error:
        raise UserError(f"{path} is not Inception-v3 of 2015: {error}; {OBTAIN}") from error
    arrays = jax.device_put(weights.arrays)
    size = block or (1 if jax.default_backend() == "cpu" else CHUNK)

    def apply(images: Images, taps: Sequence[str]) -> Features:
        for tap in taps:
            choose(graph.DIMENSIONS, tap, "Inception-v3's tap")
            if tap not in weights.taps:
                raise UserError(
                    f"{path} holds Inception-v3 up to {weights.taps[-1]}; tap {tap} needs "
                    f"{weights.lacks} and what follows; {OBTAIN}"
                )
        _check(images)
        coloured = np.broadcast_to(images, (*images.shape[:3], 3))
        parts = []
        for start in range(0, len(images), size):
            part = coloured[start : start + size]
            padded = np.pad(part, ((0, size - len(part)), (0, 0), (0, 0), (0, 0)))
            found = _forward(arrays, _prepare(padded), tuple(taps))
            parts.append({tap: np.asarray(found[tap])[: len(part)] for tap in taps})
        return _join(parts, taps)

    return Inception(archive.digest(file), weights.taps, apply)


def extract(
    inception: Inception,
    blocks: Iterable[Images],
    taps: Sequence[str],
    progress: Callable[[int], None] | None = None,
) -> Features:
    """Features float32 [N, d] by tap of images that come in blocks, however they are cut.

    Args:
        inception: the network.
        blocks: uint8 [n, H, W, C] of one shape but for n; read one at a time.
        taps: of `inception.taps`.
        progress: called with the number of images done, `CHUNK` by `CHUNK`.

    Raises as `Inception.apply`.
    """
    parts, done = [], 0
    for chunk in rechunk(blocks, CHUNK):
        parts.append(inception.apply(chunk, taps))
        done += len(chunk)
        if progress:
            progress(done)
    return _join(parts, taps)


def rechunk(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same images in blocks of `size`, the last of which may be short.

    What is made of the blocks in their order does not depend on how the images came. All must have
    one shape.
    """
    held: list[np.ndarray] = []
    for block in blocks:
        rest = np.asarray(block)
        while len(rest):
            room = size - sum(map(len, held))
            held.append(rest[:room])
            rest = rest[room:]
            if sum(map(len, held)) == size:
                yield np.concatenate(held)
                held = []
    if held:
        yield np.concatenate(held)


def resize(images: Float[Array, "n h w c"], size: tuple[int, int]) -> Float[Array, "n i j c"]:
    """Bilinear interpolation to (height, width), as PyTorch's F.interpolate with mode="bilinear".

    Pixels are samples at the centres of equal cells (align_corners=False), and beyond the outer
    centres an image goes on as it ends. Nothing is smoothed first: an image made smaller is made of
    some of its pixels.
    """
    for axis, length in ((2, size[1]), (1, size[0])):
        low, high, share = _neighbours(images.shape[axis], length)
        share = np.expand_dims(share, [i for i in range(4) if i != axis])
        before = jnp.take(images, low, axis, mode="clip")
        after = jnp.take(images, high, axis, mode="clip")
        images = before * (1 - share) + after * share
    return images


def _neighbours(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new pixel of a line, the old ones beside it and the share of the second."""
    # In float32 and in this order, as in PyTorch: shares are to agree on long lines as well.
    scale = np.float32(length) / np.float32(wanted)
    place = np.maximum(scale * (np.arange(wanted, dtype=np.float32) + 0.5) - 0.5, 0)
    low = np.minimum(place.astype(np.int32), length - 1)
    return low, np.minimum(low + 1, length - 1), place - low


@jax.jit
def _prepare(images: UInt8[Array, "n h w 3"]) -> Float[Array, "n 299 299 3"]:
    return 2 * resize(images.astype(jnp.float32) / 255, (graph.SIDE, graph.SIDE)) - 1


_forward = jax.jit(graph.forward, static_argnums=2)


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images are uint8 [n, H, W, C], not {images.dtype}{list(images.shape)}")
    if images.shape[3] not in (1, 3):
        raise UserError(f"Inception-v3 sees 1 or 3 channels, not {images.shape[3]}")


def _join(parts: Sequence[Features], taps: Sequence[str]) -> Features:
    empty = {tap: np.zeros((0, graph.DIMENSIONS[tap]), np.float32) for tap in taps}
    return {tap: np.concatenate([part[tap] for part in (empty, *parts)]) for tap in taps}
