"""Inception-v3 against torch-fidelity and pytorch-fid, by what they made of the same weights."""

import hashlib
import json

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.errors import UserError
from gen_jax.features import inception
from gen_jax.features import inception_graph as graph
from tests.features import make_inception_referee as referee
from tests.features.test_inception_weights import named, ported

THEIRS = json.loads(referee.PATH.read_text())
TAPS = tuple(graph.DIMENSIONS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All of the network, with the referee's weights under PyTorch's names."""
    path = tmp_path_factory.mktemp("inception") / "whole.npz"
    np.savez(path, allow_pickle=False, **referee.state(ported(*TAPS)))
    yield inception.load(path)
    path.unlink()  # a hundred megabytes


@pytest.fixture(scope="module")
def stem(tmp_path_factory):
    """A file that ends at the first tap, which makes it small and quick."""
    path = tmp_path_factory.mktemp("stem") / "stem.npz"
    np.savez(path, allow_pickle=False, **named("64"))
    return path


def assert_theirs(ours, theirs):
    some, norm = np.array(theirs["some"]), np.array(theirs["norm"])[:, 0]
    shown = referee.shown(ours)
    assert np.std(some) > 0.1 * np.mean(np.abs(some)) > 0
    np.testing.assert_allclose(shown["some"], some, rtol=1e-4, atol=1e-6 * np.abs(some).max())
    np.testing.assert_allclose(np.array(shown["norm"])[:, 0], norm, rtol=1e-5)


def test_every_tap_is_torch_fidelitys(whole):
    assert whole.taps == TAPS
    features = whole.apply(referee.images(2, 299, 299, 3), TAPS)
    for tap, ours in features.items():
        assert ours.shape == (2, graph.DIMENSIONS[tap])
        assert ours.dtype == np.float32
        assert_theirs(ours, THEIRS["torch-fidelity"][tap])


def test_small_images_are_seen_as_by_pytorch_fid(whole):
    # All taps again: what is compiled for the test before serves here.
    features = whole.apply(referee.images(2, 40, 36, 3), TAPS)
    for tap, theirs in THEIRS["pytorch-fid"].items():
        assert_theirs(features[tap], theirs)


def resized(images, size):
    return np.asarray(jax.jit(inception.resize, static_argnums=1)(images, size))


@pytest.mark.parametrize("case", range(len(referee.SIZES)))
def test_resizing_is_pytorchs(case):
    size, target = referee.SIZES[case]
    ours = resized(referee.images(2, *size, 3).astype(np.float32) / 255, target)
    assert ours.shape == (2, *target, 3)
    theirs = THEIRS["interpolate"][case]
    assert len(theirs) >= 40
    np.testing.assert_allclose(referee.spread(ours), theirs, rtol=1e-6, atol=1e-6)


@given(st.integers(1, 40), st.integers(1, 40))
def test_resizing_a_line_is_linear_interpolation_between_centres(length, wanted):
    line = np.random.default_rng(length).uniform(size=length)
    places = (np.arange(wanted) + 0.5) * length / wanted - 0.5
    expected = np.interp(places, np.arange(length), line)
    low, high, share = inception._neighbours(length, wanted)
    np.testing.assert_allclose(line[low] * (1 - share) + line[high] * share, expected, atol=1e-5)


def test_images_of_the_right_size_are_left_alone():
    images = referee.images(1, 6, 5, 3).astype(np.float32)
    np.testing.assert_array_equal(resized(images, (6, 5)), images)


def test_the_file_is_known_by_its_digest(stem):
    assert inception.load(stem).digest == hashlib.sha256(stem.read_bytes()).hexdigest()


@pytest.mark.parametrize("block", [None, 4])
def test_features_do_not_depend_on_other_images(stem, block):
    apply = inception.load(stem, block).apply
    images = referee.images(6, 12, 10, 3)
    features = apply(images, ["64"])["64"]
    assert len(np.unique(features, axis=0)) == 6
    np.testing.assert_array_equal(apply(images[:5], ["64"])["64"], features[:5])
    others = np.where(np.arange(6)[:, None, None, None] == 2, images, 255 - images)
    np.testing.assert_array_equal(apply(others, ["64"])["64"][2], features[2])


def test_blocks_of_another_size_change_rounding_at_most(stem):
    images = referee.images(5, 12, 10, 3)
    one, four = (inception.load(stem, block).apply(images, ["64"])["64"] for block in (1, 4))
    np.testing.assert_allclose(one, four, rtol=1e-5, atol=1e-6)


@given(st.lists(st.integers(0, 9), max_size=5), st.integers(1, 7))
def test_blocks_are_cut_anew_in_order(lengths, size):
    images = np.arange(sum(lengths)).reshape(-1, 1, 1, 1)
    cut = list(inception.rechunk(iter(np.split(images, np.cumsum(lengths[:-1]))), size))
    assert [len(block) for block in cut[:-1]] == [size] * (len(cut) - 1)
    assert all(0 < len(block) <= size for block in cut)
    np.testing.assert_array_equal(np.concatenate([images[:0], *cut]), images)


@pytest.mark.parametrize("block", [None, 3])
def test_features_do_not_depend_on_how_images_came(stem, block, monkeypatch):
    monkeypatch.setattr(inception, "CHUNK", 4)
    net, images, done = inception.load(stem, block), referee.images(7, 7, 9, 1), []
    whole = inception.extract(net, [images], ["64"])["64"]
    pieces = iter(np.split(images, [1, 1, 6]))
    np.testing.assert_array_equal(inception.extract(net, pieces, ["64"], done.append)["64"], whole)
    assert done == [4, 7]
    for i in range(0, 7, 4):
        np.testing.assert_array_equal(net.apply(images[i : i + 4], ["64"])["64"], whole[i : i + 4])


def test_of_no_images_there_are_no_features(stem):
    net = inception.load(stem)
    assert inception.extract(net, [], ["64"])["64"].shape == (0, 64)
    assert net.apply(np.zeros((0, 5, 5, 3), np.uint8), ["64"])["64"].shape == (0, 64)


def test_grey_is_as_much_red_as_green_and_blue(stem):
    apply, grey = inception.load(stem).apply, referee.images(2, 9, 9, 1)
    np.testing.assert_array_equal(
        apply(grey, ["64"])["64"], apply(np.repeat(grey, 3, axis=-1), ["64"])["64"]
    )


def test_a_tap_beyond_the_file_is_refused_by_name(stem):
    net = inception.load(stem)
    assert net.taps == ("64",)
    images = np.zeros((1, 5, 5, 3), np.uint8)
    for tap in TAPS[1:]:
        with pytest.raises(UserError) as error:
            inception.extract(net, [images], ["64", tap])
        assert str(error.value) == (
            f"{stem} holds Inception-v3 up to 64; tap {tap} needs conv_3/kernel and what follows; "
            f"{inception.OBTAIN}"
        )
    with pytest.raises(UserError, match="tap='2084' is not known; did you mean 2048"):
        net.apply(images, ["2084"])


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 5, 5, 2), np.uint8), UserError, "sees 1 or 3 channels, not 2"),
        (
            np.zeros((1, 5, 5, 3), np.float32),
            ValueError,
            r"uint8 \[n, H, W, C\], not float32\[1, 5",
        ),
        (np.zeros((5, 5, 3), np.uint8), ValueError, r"not uint8\[5, 5, 3\]"),
    ],
)
def test_what_is_no_image_is_refused(stem, images, error, message):
    with pytest.raises(error, match=message):
        inception.load(stem).apply(images, ["64"])


def test_bad_files_are_named_in_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("no weights")
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    np.savez(tmp_path / "shape.npz", **named("64") | {"conv_2/bias": np.ones(63)})
    for name, message in {
        "none.npz": "is not a file",
        "": "is not a file",
        "text.npz": "cannot be read",
        "other.npz": "is not Inception-v3 of 2015: it has no conv/kernel",
        "shape.npz": "is not Inception-v3 of 2015: its conv_2/bias is [63], not [64]",
    }.items():
        with pytest.raises(UserError) as error:
            inception.load(tmp_path / name)
        assert message in str(error.value)
        assert str(tmp_path / name) in str(error.value)
        assert "\n" not in str(error.value)
