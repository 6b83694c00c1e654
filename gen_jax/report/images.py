"""Grids of uint8 images and their PNG files, with numpy and Pillow only: training uses them too."""

import bisect
import io
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gen_jax.core.files import write_bytes

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def grid(images: np.ndarray, pad: int = 2, upscale: int = 1, fill: int = 255) -> np.ndarray:
    """One picture out of rows and columns of images, row 0 on top.

    Args:
      images: uint8 [rows, cols, H, W, C].
      pad: pixels between neighbours, after upscaling; none around the outside.
      upscale: every pixel becomes a square of this many pixels a side.
      fill: value of the pixels between the images. Images that carry an alpha channel and
        `fill=0` leave transparent gaps.

    Returns:
      uint8 [rows * (H * upscale + pad) - pad, cols * (W * upscale + pad) - pad, C].

    Raises:
      ValueError: if `images` is not uint8 of rank 5, or is empty.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 5 or 0 in images.shape:
        raise ValueError(
            f"grid needs uint8 [rows, cols, H, W, C], got {images.dtype} {images.shape}"
        )
    images = images.repeat(upscale, axis=2).repeat(upscale, axis=3)
    rows, cols, height, width, channels = images.shape
    padded = np.full((rows, height + pad, cols, width + pad, channels), fill, np.uint8)
    padded[:, :height, :, :width] = images.transpose(0, 2, 1, 3, 4)
    whole = padded.reshape(rows * (height + pad), cols * (width + pad), channels)
    return whole[: whole.shape[0] - pad, : whole.shape[1] - pad]


def labelled_rows(picture: np.ndarray, names: Sequence[str], gap: int = 8) -> np.ndarray:
    """The picture with a name beside each of its equally high rows, dark on white.

    Args:
      picture: uint8 [H, W, C] with C 1 or 3, `len(names)` rows of equal height (a `grid`).
      names: one a row, top to bottom; an overlong one is cut with an ellipsis. Letters that
        Pillow's own font lacks (it has the Latin ones) show as boxes.
      gap: white pixels between names and picture.

    Returns:
      uint8 [H, label width + gap + W, C].
    """
    height, width, channels = picture.shape
    row_height = height / len(names)
    font = ImageFont.load_default(size=float(np.clip(row_height * 0.4, 9, 18)))
    longest = max(8 * row_height, 96)
    names = [_shortened(name, font, longest) for name in names]
    # Two pixels to spare: glyphs reach a little beyond the length they are said to have.
    left = int(np.ceil(max(font.getlength(name) for name in names))) + gap + 2
    canvas = Image.new(_MODES[channels], (left + width, height), "white")
    canvas.paste(_to_pillow(picture), (left, 0))
    draw = ImageDraw.Draw(canvas)
    for row, name in enumerate(names):
        middle = (row + 0.5) * row_height
        draw.text((left - gap, middle), name, font=font, fill="#333333", anchor="rm")
    return np.asarray(canvas).reshape(height, left + width, channels)


def encode_png(picture: np.ndarray, colours: int = 0) -> bytes:
    """PNG bytes of uint8 [H, W, C], C from 1 (gray) to 4 (RGB and alpha); always the same bytes.

    Args:
      picture: uint8 [H, W, C].
      colours: the most colours kept of an RGB picture, at a byte a pixel; 0: all.
    """
    image = _to_pillow(picture)
    if colours and image.mode == "RGB":
        image = image.quantize(colours)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_png(path: str | os.PathLike[str], picture: np.ndarray) -> None:
    """Writes uint8 [H, W, C] as a PNG file, all or nothing: a reader never meets half a file."""
    write_bytes(path, encode_png(picture))


def with_alpha(images: np.ndarray) -> np.ndarray:
    """uint8 [..., C] and an opaque alpha channel; `grid(fill=0)` then leaves transparent gaps."""
    return np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)


def shrunk(images: np.ndarray, longest: int) -> np.ndarray:
    """uint8 [..., H, W, C] averaged over whole blocks of pixels until no side exceeds `longest`."""
    height, width, channels = images.shape[-3:]
    factor = -(-max(height, width) // longest)
    if factor == 1:
        return images
    height, width = max(height // factor, 1), max(width // factor, 1)
    cut = images[..., : height * factor, : width * factor, :]
    blocks = cut.reshape(*images.shape[:-3], height, -1, width, cut.shape[-2] // width, channels)
    return blocks.mean(axis=(-4, -2)).round().astype(np.uint8)


def _to_pillow(picture: np.ndarray) -> Image.Image:
    channels = picture.shape[-1]
    flat = picture[..., 0] if channels == 1 else picture
    image = Image.fromarray(np.ascontiguousarray(flat))
    if image.mode != _MODES[channels]:
        raise ValueError(f"cannot draw a picture of {channels} channels")
    return image


def _shortened(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, limit: float) -> str:
    if font.getlength(name) <= limit:
        return name
    lengths = range(len(name))
    fitting = bisect.bisect_right(lengths, limit, key=lambda n: font.getlength(name[:n] + "…"))
    return name[: max(fitting - 1, 0)] + "…"
