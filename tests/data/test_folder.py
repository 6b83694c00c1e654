import io
import struct
import zlib

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gen_jax.data import image_folder
from gen_jax.errors import UserError


def section(root, **changes):
    defaults = {
        "name": "folder", "dir": str(root), "image_size": 8, "channels": 0, "num_classes": 0,
        "num_train": 0, "num_test": 0, "flip": False, "stream": False, "label": "label",
    }  # fmt: skip
    return ConfigDict(defaults | changes)


def save(path, color=(255, 0, 0), size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)


def two_splits(root):
    for split, count in (("train", 3), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            for i in range(count):
                save(root / split / name / f"{i}.png", color=(100 * label, 10 * i, 0))
    return root


def bitmap_header(width, height):
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_splits_classes_and_interleaved_order(tmp_path):
    config = section(two_splits(tmp_path))
    train, test = image_folder.load(config, "train"), image_folder.load(config, "test")
    assert (len(train), len(test)) == (6, 4)
    assert train.spec.class_names == ("cat", "dog")
    assert train.spec == test.spec
    assert train.spec.shape == (8, 8, 3)
    assert train.spec.num_examples == 6
    assert train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_array_equal(train.images[:, 0, 0, 0], 100 * train.labels)
    assert train.images[:, 0, 0, 1].tolist() == [0, 0, 10, 10, 20, 20]


def test_without_a_test_folder_every_tenth_image_is_held_out(tmp_path):
    for i in range(25):
        save(tmp_path / ("a" if i < 15 else "b") / f"{i:02}.png", color=(i, i, i))
    parts = {s: image_folder.load(section(tmp_path), s).images[:, 0, 0, 0] for s in
             ("train", "test")}  # fmt: skip
    assert sorted(parts["test"].tolist()) == [0, 10, 20]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(25))


def test_streaming_gives_what_memory_gives(tmp_path):
    config = section(two_splits(tmp_path))
    memory = image_folder.load(config, "train")
    config.stream = True
    indices = np.array([5, 0, 0, 3])
    streamed = image_folder.load(config, "train").gather(indices)
    np.testing.assert_array_equal(streamed["image"], memory.images[indices])
    np.testing.assert_array_equal(streamed["label"], memory.labels[indices])
    assert streamed["label"].dtype == np.int32


def test_limits_keep_every_class(tmp_path):
    split = image_folder.load(section(two_splits(tmp_path), num_train=2), "train")
    assert split.labels.tolist() == [0, 1]
    assert split.spec.num_examples == 2


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tiff", "JPEG"])
def test_common_formats(tmp_path, suffix):
    for i in range(2):
        save(tmp_path / "a" / f"{i}.{suffix}", color=(200, 40, 40))
    image = image_folder.load(section(tmp_path), "train").images[0]
    # The lossy formats are off by a few levels.
    np.testing.assert_allclose(image, np.broadcast_to([200, 40, 40], (8, 8, 3)), atol=8)


def decoded(image, size=0, channels=3, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return image_folder.decode(file.getvalue(), "test image", size, channels)


def test_centre_crop_keeps_the_middle_exactly():
    wide = np.zeros((4, 10, 3), np.uint8)
    wide[:, 3:7] = np.arange(48).reshape(4, 4, 3)
    np.testing.assert_array_equal(decoded(Image.fromarray(wide), size=4), wide[:, 3:7])


def test_shrinking_is_antialiased():
    # Stripes one pixel wide: picking pixels gives black or white, averaging gives gray.
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = decoded(Image.fromarray(stripes), size=8)[2:-2, 2:-2]
    np.testing.assert_allclose(inner, 127.5, atol=8)


def test_transparency_is_composited_on_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    np.testing.assert_array_equal(decoded(clear), np.full((4, 4, 3), 255))
    half = decoded(Image.new("LA", (4, 4), (0, 128)), channels=1)
    np.testing.assert_allclose(half, 127, atol=1)


def test_camera_orientation_is_applied(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[0] = 255  # a white line along the stored top
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter clockwise: the stored top is the shown right
    shown = decoded(Image.fromarray(picture), exif=exif.tobytes())
    expected = np.zeros((8, 8, 3), np.uint8)
    expected[:, -1] = 255
    np.testing.assert_array_equal(shown, expected)


def test_sixteen_bit_gray_keeps_its_high_byte():
    deep = Image.fromarray(np.full((4, 4), 0xAB12, np.uint16))
    np.testing.assert_array_equal(decoded(deep, channels=1), np.full((4, 4, 1), 0xAB))


def test_one_channel(tmp_path):
    split = image_folder.load(section(two_splits(tmp_path), channels=1), "test")
    assert split.images.shape == (4, 8, 8, 1)


def test_corrupt_file_is_named(tmp_path):
    two_splits(tmp_path)
    good = (tmp_path / "train/dog/1.png").read_bytes()
    (tmp_path / "train/dog/1.png").write_bytes(good[: len(good) // 2])
    with pytest.raises(UserError, match=r"train/dog/1\.png.*not a readable image"):
        image_folder.load(section(tmp_path), "train")
    streamed = image_folder.load(section(tmp_path, stream=True), "train")
    with pytest.raises(UserError, match=r"train/dog/1\.png"):
        streamed.gather(np.arange(6))


@pytest.mark.parametrize("shape", [(8000, 8000), (60000, 60000)])
def test_decompression_bomb_is_refused_by_its_header(tmp_path, shape):
    (two_splits(tmp_path) / "train/cat/bomb.png").write_bytes(bitmap_header(*shape))
    with pytest.raises(UserError, match=r"bomb\.png.*too large"):
        image_folder.load(section(tmp_path), "train")


def test_elongated_image_costs_no_more_than_itself():
    # Resizing before cropping would make this one 1024 x 20 million.
    thin = Image.new("RGB", (20_000, 1), (9, 9, 9))
    np.testing.assert_array_equal(decoded(thin, size=1024), np.full((1024, 1024, 3), 9))


def test_readers_that_run_other_programs_are_not_used(tmp_path):
    (two_splits(tmp_path) / "train/cat/x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(UserError, match=r"x\.png.*not a readable image"):
        image_folder.load(section(tmp_path), "train")


def test_links_leaving_the_root_are_not_followed(tmp_path):
    root = two_splits(tmp_path / "root")
    save(tmp_path / "secret/cat/0.png")
    (root / "train/cat/link.png").symlink_to(tmp_path / "secret/cat/0.png")
    (root / "train/outside").symlink_to(tmp_path / "secret/cat")
    (root / "train/cat/inside.png").symlink_to(root / "test/cat/0.png")
    (root / "train/cat/loop.png").symlink_to(root / "train/cat/loop.png")
    split = image_folder.load(section(root), "train")
    assert split.spec.class_names == ("cat", "dog")
    assert len(split) == 6 + 1


def test_a_name_with_a_newline_stays_on_one_line(tmp_path):
    (two_splits(tmp_path) / "train/cat/a\nb.png").write_bytes(b"nothing")
    with pytest.raises(UserError) as caught:
        image_folder.load(section(tmp_path), "train")
    assert "\n" not in str(caught.value)


def test_other_files_are_passed_over(tmp_path):
    two_splits(tmp_path)
    (tmp_path / "train/cat/notes.txt").write_text("not an image")
    (tmp_path / "train/.hidden").mkdir()
    (tmp_path / "train/cat/._0.png").write_bytes(b"a Mac's shadow file")
    assert len(image_folder.load(section(tmp_path), "train")) == 6


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        image_folder.load(section(tmp_path / "absent"), "train")
    with pytest.raises(UserError, match=r"--config\.data\.dir"):
        image_folder.load(section(tmp_path, dir=None), "train")
    with pytest.raises(UserError, match="no images in class folders"):
        image_folder.load(section(tmp_path), "train")
    two_splits(tmp_path)
    with pytest.raises(UserError, match="image_size"):
        image_folder.load(section(tmp_path, image_size=0), "train")
    with pytest.raises(UserError, match="channels"):
        image_folder.load(section(tmp_path, channels=2), "train")
    with pytest.raises(UserError, match="num_classes is 3"):
        image_folder.load(section(tmp_path, num_classes=3), "train")
    save(tmp_path / "test/bird/0.png")
    with pytest.raises(UserError, match=r"bird.*without a training image"):
        image_folder.load(section(tmp_path), "test")


def test_a_lone_image_leaves_no_training_split(tmp_path):
    save(tmp_path / "a" / "0.png")
    with pytest.raises(UserError, match="a class without a training image"):
        image_folder.load(section(tmp_path), "train")


def test_a_test_folder_needs_a_train_folder(tmp_path):
    save(tmp_path / "test/a/0.png")
    with pytest.raises(UserError, match="no folder 'train'"):
        image_folder.load(section(tmp_path), "train")
