"""Image folders of any content: files, names and links that nobody means well by."""

import io
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gen_jax import config as configs
from gen_jax import data
from gen_jax.data import image_folder
from tests.fuzz.sandbox import Sandbox

FUZZ = settings(max_examples=250, suppress_health_check=list(HealthCheck))
NAMES = (
    *("a", "b", "cat", "train", "test", ".hidden", "a\nb", "a\x1b[2J", " ", "-", "🙂", "n" * 200),
    *("\udcff\udcfe", "a;touch canary", "$(touch canary)", "%s", "~", "*", "\u202e", "con"),
)
SUFFIXES = (".png", ".jpg", ".gif", ".webp", ".tif", ".bmp", ".PNG", ".txt", "", ".eps", ".svg")


def encoded(mode, kind, size=(5, 4), **options):
    content = io.BytesIO()
    image = Image.new(mode, size)
    if options.pop("animated", False):
        options |= {"save_all": True, "append_images": [Image.new(mode, size, 1)]}
    image.save(content, kind, **options)
    return content.getvalue()


def bitmap_header(width, height):
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


GOOD = (
    *(encoded(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    *(encoded(mode, "JPEG") for mode in ("L", "RGB", "CMYK")),
    *(
        encoded(mode, "TIFF")
        for mode in ("1", "L", "RGB", "CMYK", "YCbCr", "LAB", "I;16", "F", "I")
    ),
    encoded("P", "GIF", animated=True),
    encoded("RGB", "WEBP", animated=True),
    encoded("RGB", "PNG", animated=True),
    encoded("RGB", "BMP"),
    encoded("RGB", "PNG", size=(1, 300)),
    encoded("RGB", "TIFF", compression="tiff_lzw"),
)
BOMBS = (
    *(bitmap_header(*size) for size in ((100_000, 100_000), (9000, 9000), (2**31 - 1, 2**31 - 1))),
    *(bitmap_header(*size) for size in ((0, 0), (1, 2**31 - 1))),
    b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\xf7\0\0",
    b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, *[0] * 6),
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(canary) (w) file closefile\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
)


@st.composite
def files(draw):
    content = draw(st.sampled_from(GOOD) | st.sampled_from(BOMBS) | st.binary(max_size=60))
    if content and draw(st.integers(0, 2)) == 0:
        content = bytearray(content[: draw(st.integers(1, len(content)))])
        for _ in range(draw(st.integers(0, 4))):
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


@st.composite
def entries(draw):
    """What to make below a class folder: a file, a folder or a link."""
    name = draw(st.sampled_from(NAMES)) + draw(st.sampled_from(SUFFIXES))
    made = draw(st.sampled_from(("file", "file", "file", "good", "good", "folder", "link", "pipe")))
    targets = (".", "..", "../..", name, "/", "/dev/zero", "/etc/passwd", "nowhere", "../a", "\n")
    content = {"file": files(), "good": st.sampled_from(GOOD), "link": st.sampled_from(targets)}
    return name, made, draw(content.get(made, st.none()))


@st.composite
def trees(draw):
    layouts = st.sampled_from(("", "train", "test", "train/deep"))
    classes = st.sampled_from(NAMES) | st.just("..")
    places = st.tuples(layouts, classes)
    return draw(st.lists(st.tuples(places, st.lists(entries(), max_size=4)), max_size=4))


def plant(root, tree):
    for (layout, name), content in tree:
        folder = root / layout / (name if name != ".." else "dots")
        folder.mkdir(parents=True, exist_ok=True)
        for entry, made, what in content:
            path = folder / entry
            if path.exists() or path.is_symlink():
                continue
            if made == "folder":
                path.mkdir()
            elif made == "link":
                path.symlink_to(what)
            elif made == "pipe":
                os.mkfifo(path)
            else:
                path.write_bytes(what)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("folders"))
    sandbox.work.mkdir()
    return sandbox


def load(root, **changes):
    config = configs.base().data
    config.update(name="folder", dir=str(root), image_size=4, **changes)
    for split in ("train", "test"):
        loaded = data.load(config, split)
        images = loaded.gather(np.arange(len(loaded)))["image"]
        assert images.shape == (len(loaded), 4, 4, config.channels or 3)


@FUZZ
@given(trees(), st.booleans(), st.sampled_from((0, 1, 3)))
def test_any_folder(sandbox, tree, stream, channels):
    root = sandbox.work / "images"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    plant(root, tree)
    sandbox.try_out(lambda: load(root, stream=stream, channels=channels))


@FUZZ
@given(files(), st.sampled_from((0, 1, 8)), st.sampled_from((1, 3)))
def test_any_bytes(sandbox, content, size, channels):
    sandbox.try_out(lambda: image_folder.decode(content, "bytes", size, channels))


@pytest.mark.parametrize("name", ["~nobody-of-that-name", "/dev/null", "loop", "a\0b", "n" * 5000])
def test_any_place(sandbox, name):
    loop = sandbox.work / "loop"
    if not loop.is_symlink():
        loop.symlink_to(loop)
    argv = ["--config.data.name=folder", "--config.data.image_size=4"]
    config = Path(__file__).parents[2] / "configs" / "vae_mnist.py"
    place = loop if name == "loop" else name
    code, _ = sandbox.run(f"--config={config}", *argv, f"--config.data.dir={place}")
    assert code == 2


def test_very_many_classes_take_no_square_of_them(sandbox):
    root = sandbox.work / "many"
    for label in range(600):
        for number in range(2):
            path = root / f"{label:05}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(root / "00000" / "0.png") if label + number else path.write_bytes(
                GOOD[4]
            )
    config = configs.base().data
    config.update(name="folder", dir=str(root), image_size=4, stream=True)
    assert data.load(config, "train").spec.num_classes == 600
