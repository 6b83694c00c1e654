"""Image files: one decoder for hostile bytes, and the data set that is a folder of them.

    ROOT/train/<class>/<image>     ROOT/test/<class>/<image>

Without `test` every tenth image, by sorted path, is held out for testing; `train` itself may then
be left out (ROOT/<class>/<image>). Classes are the folders' names, sorted. Formats: PNG, JPEG,
WebP, BMP, GIF and TIFF (the first frame of an animation); other files are passed over.
"""

import io
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from absl import logging
from ml_collections import ConfigDict
from PIL import Image, ImageOps, UnidentifiedImageError

from gen_jax.core.files import expanded
from gen_jax.data.spec import DataSpec, Split, check_section, held_out
from gen_jax.data.stream import StreamSplit
from gen_jax.errors import UserError

# An allow-list: some of PIL's other readers start external programs.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MAX_PIXELS = 50_000_000
MAX_BYTES = 256 * 2**20


def decode(
    file: bytes | Path, where: str, size: int, channels: int, binary: bool = False
) -> np.ndarray:
    """One image file as an array.

    The orientation a camera noted (EXIF) is applied, transparency is composited on white, 16-bit
    gray keeps its high byte. The centre square is then resized, antialiased (bicubic): the
    shorter side fills the square, and no intermediate exceeds the file's own size however
    elongated it is.

    Args:
        file: the file's bytes, or its path.
        where: what to call it in an error.
        size: height and width of the result; 0 keeps the file's own.
        channels: 1 (luma) or 3.
        binary: pixels are 0 or 1, meaning black and white.

    Returns:
        uint8 [H, W, channels].

    Raises:
        UserError: not an image of a known format, corrupt, or over MAX_PIXELS.
    """
    source: BinaryIO | Path = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:  # known from the header, before decoding
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            return _pixels(image, size, channels, binary)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{where}: image too large ({error}; the limit is {MAX_PIXELS} pixels)"
        ) from error
    except Exception as error:  # PIL's decoders raise nearly anything on hostile bytes
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "of no known format" if unknown else " ".join(str(error).split())
        raise UserError(f"{where}: not a readable image ({reason})") from error


def _pixels(image: Image.Image, size: int, channels: int, binary: bool) -> np.ndarray:
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError("32 bits a pixel: convert it to 8 or 16")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    if binary:
        image = image.point(([0] + [255] * 255) * channels)
    if size:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image).reshape(image.height, image.width, channels)


def load(config: ConfigDict, split: str) -> Split:
    """A folder of images, one class a subfolder.

    The order interleaves the classes (the first image of each, then the second, ...), so that
    `num_train` and `num_test` keep all of them.

    Args:
        config: `dir` and `image_size` are required; `channels` 0 means 3; `num_train` and
            `num_test` keep at most so many images, 0 all; `stream` decodes on demand;
            `num_classes` is 0 or the number of class folders.
        split: "train" or "test".

    Raises:
        UserError: no such folder, no classes, no images, a corrupt or oversized file.
    """
    if not config.dir:
        raise UserError("--config.data.name=folder needs --config.data.dir=FOLDER")
    if config.image_size < 1:
        raise UserError("--config.data.name=folder needs --config.data.image_size, such as 64")
    # Path.resolve would raise RuntimeError for a link to itself.
    root = Path(os.path.realpath(expanded(config.dir)))
    if not root.is_dir():
        raise UserError(f"data.dir: {str(root)!r} is not a folder")

    try:
        files = {"train": _files(root, "train"), "test": _files(root, "test")}
    except OSError as error:
        raise UserError(f"{error.filename!r}: {error.strerror}") from error
    names = sorted({path.parent.name for path in files["train"]})
    check_section(config, len(names), repr(str(root)))
    numbers = {name: number for number, name in enumerate(names)}
    for path in files["test"]:
        if path.parent.name not in numbers:
            raise UserError(f"{str(path.parent)!r}: a class without a training image")
    limits = {"train": config.num_train, "test": config.num_test}
    kept = {key: _interleaved(files[key])[: limits[key] or None] for key in files}
    if not kept[split]:
        raise UserError(f"{str(root)!r} has no images for the {split} split")

    shape = (config.image_size, config.image_size, config.channels or 3)
    readable = tuple(os.fsencode(name).decode("utf-8", "replace") for name in names)
    spec = DataSpec("folder", shape, len(names), readable, len(kept["train"]))
    paths = kept[split]
    labels = np.array([numbers[path.parent.name] for path in paths], np.int32)

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = [_decode_file(paths[i], shape[0], shape[2]) for i in indices]
        return np.stack(images) if images else np.empty((0, *shape), np.uint8), labels[indices]

    stream = StreamSplit(spec, len(paths), read, annotate=lambda indices: (labels[indices],))
    return stream if config.stream else stream.in_memory()


def _decode_file(path: Path, size: int, channels: int) -> np.ndarray:
    where = repr(str(path))  # quoted: a name may hold a newline
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{where}: file over {MAX_BYTES // 2**20} MiB")
    except OSError as error:
        raise UserError(f"{where}: {error.strerror}") from error
    return decode(path, where, size, channels)


def _files(root: Path, split: str) -> list[Path]:
    """Paths of a split's images, sorted."""
    has_test = (root / "test").is_dir()
    base = root / "train" if (root / "train").is_dir() else root
    if has_test:
        if base == root:
            raise UserError(f"{str(root)!r} has a folder 'test' but no folder 'train'")
        return _images(root / split, root)
    paths = _images(base, root)
    return [paths[i] for i in held_out(len(paths), split)]


def _images(base: Path, root: Path) -> list[Path]:
    """Every image one class folder deep, sorted; links that leave the root are not followed."""
    outside = 0
    paths = []
    folders = [entry for entry in sorted(base.iterdir()) if not entry.name.startswith(".")]
    for folder in folders:
        if not folder.is_dir():
            continue
        if not folder.resolve().is_relative_to(root):
            outside += 1
            continue
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            if not path.is_file():
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                outside += 1
            else:
                paths.append(path)
    if outside:
        logging.warning("%s: %d links lead outside %s and were passed over", base, outside, root)
    if not paths:
        raise UserError(
            f"{str(base)!r} has no images in class folders: expected CLASS/IMAGE with one of "
            f"{' '.join(SUFFIXES)}"
        )
    return paths


def _interleaved(paths: list[Path]) -> list[Path]:
    seen: dict[str, int] = {}
    ranked = []
    for path in paths:
        name = path.parent.name
        seen[name] = seen.get(name, -1) + 1
        ranked.append((seen[name], name, path))
    return [path for _, _, path in sorted(ranked)]
