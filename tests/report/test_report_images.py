import io

import numpy as np
import pytest
from PIL import Image

from gen_jax.report.images import encode_png, grid, labelled_rows, save_png, shrunk, with_alpha


def test_grid_puts_rows_and_columns_where_they_belong():
    pictures = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1)
    expected = [[0, 9, 1, 9, 2], [9, 9, 9, 9, 9], [3, 9, 4, 9, 5]]
    assert grid(pictures, pad=1, fill=9)[..., 0].tolist() == expected


def test_grid_upscales_pixels_but_not_the_padding():
    pictures = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 1, 2, 2, 1).repeat(2, axis=1)
    expected = [
        [1, 1, 2, 2, 255, 1, 1, 2, 2],
        [1, 1, 2, 2, 255, 1, 1, 2, 2],
        [3, 3, 4, 4, 255, 3, 3, 4, 4],
        [3, 3, 4, 4, 255, 3, 3, 4, 4],
    ]
    assert grid(pictures, pad=1, upscale=2)[..., 0].tolist() == expected


def test_grid_without_padding_is_a_transpose():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 3), np.uint8)
    whole = grid(pictures, pad=0)
    assert whole.shape == (8, 15, 3)
    np.testing.assert_array_equal(whole[4:8, 10:15], pictures[1, 2])


@pytest.mark.parametrize(
    "bad",
    [np.zeros((1, 1, 2, 2, 3)), np.zeros((2, 2, 3), np.uint8), np.zeros((0, 1, 2, 2, 3), np.uint8)],
)
def test_grid_refuses_what_is_not_a_grid_of_bytes(bad):
    with pytest.raises(ValueError, match="uint8"):
        grid(bad)


@pytest.mark.parametrize("channels", [1, 3])
def test_labelled_rows_keep_the_picture_and_write_beside_each_row(channels):
    picture = grid(np.full((3, 2, 20, 20, channels), 100, np.uint8), pad=2)
    labelled = labelled_rows(picture, ["one", "", "a longer name"])
    height, width = picture.shape[:2]
    assert labelled.shape[0] == height
    assert labelled.shape[2] == channels
    np.testing.assert_array_equal(labelled[:, -width:], picture)
    inked = (labelled[:, :-width] < 200).any(axis=(1, 2))
    assert inked[:20].any()
    assert not inked[22:42].any()
    assert inked[44:].any()


def test_an_overlong_name_is_cut():
    picture = np.zeros((24, 24, 3), np.uint8)
    wide = labelled_rows(picture, ["x" * 40]).shape[1]
    assert labelled_rows(picture, ["x" * 4000]).shape[1] == wide


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_round_trip(channels, tmp_path):
    picture = np.random.default_rng(1).integers(0, 256, (5, 7, channels), np.uint8)
    save_png(tmp_path / "new" / "a.png", picture)
    stored = np.asarray(Image.open(tmp_path / "new" / "a.png")).reshape(picture.shape)
    np.testing.assert_array_equal(stored, picture)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]
    assert encode_png(picture) == (tmp_path / "new" / "a.png").read_bytes()


def test_gaps_of_images_with_alpha_are_transparent():
    whole = grid(with_alpha(np.full((1, 2, 3, 3, 3), 50, np.uint8)), pad=1, fill=0)
    alpha = np.asarray(Image.open(io.BytesIO(encode_png(whole))))[..., 3]
    assert alpha[0].tolist() == [255, 255, 255, 0, 255, 255, 255]


def test_shrunk_averages_whole_blocks():
    picture = np.array([[0, 10, 20, 30], [0, 10, 20, 30]], np.uint8)[..., None]
    assert shrunk(picture, longest=2)[..., 0].tolist() == [[5, 25]]
    assert shrunk(picture, longest=4) is picture
