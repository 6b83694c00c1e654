import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from gen_jax.losses.augmentation import (
    AUGMENTATIONS,
    augment,
    color,
    cutout,
    flip,
    shift,
    translation,
)

ALL = tuple(AUGMENTATIONS)
MANY = jax.random.split(jax.random.key(7), 3000)
KEYS = MANY[:6]
SHAPES = [(6, 16, 16, 3), (6, 12, 20, 3), (6, 28, 28, 1), (6, 7, 10, 1)]


def pictures(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_color_against_numpy(shape):
    rng, images = np.random.default_rng(1), pictures(shape)
    brightness, saturation, contrast = rng.uniform(-0.5, 2, (3, 6)).astype(np.float32)
    expected = np.empty_like(images)
    for i, image in enumerate(images):
        image = image + brightness[i]
        grey = image.mean(axis=-1, keepdims=True)
        image = (image - grey) * saturation[i] + grey
        expected[i] = (image - image.mean()) * contrast[i] + image.mean()
    np.testing.assert_allclose(
        color(images, brightness, saturation, contrast), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_translation_against_numpy(shape):
    images, (height, width) = pictures(shape), shape[1:3]
    most = int(height / 8 + 0.5), int(width / 8 + 0.5)
    down, right = (np.array([-m, m, 0, 1, -1, m]) for m in most)
    right = right[::-1].copy()
    expected = np.zeros_like(images)
    for image, moved, y, x in zip(images, expected, down, right, strict=True):
        rows = slice(max(y, 0), height + min(y, 0))
        columns = slice(max(x, 0), width + min(x, 0))
        moved[rows, columns] = image[
            max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
        ]
    np.testing.assert_array_equal(translation(images, down, right), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_repeats_the_edge(shape):
    images, (height, width) = pictures(shape), shape[1:3]
    most = int(height / 8 + 0.5), int(width / 8 + 0.5)
    down, right = (np.array([-m, m, 0, 1, -1, m]) for m in most)
    right = right[::-1].copy()
    moved = shift(images, down, right)
    for image, out, y, x in zip(images, moved, down, right, strict=True):
        rows = np.clip(np.arange(height) - y, 0, height - 1)
        columns = np.clip(np.arange(width) - x, 0, width - 1)
        np.testing.assert_array_equal(out, image[rows][:, columns])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_flip_mirrors_left_and_right(shape):
    images, mirrored = pictures(shape), np.array([True, False, False, True, True, False])
    out = flip(images, mirrored)
    for image, seen, turned in zip(images, out, mirrored, strict=True):
        np.testing.assert_array_equal(seen, np.fliplr(image) if turned else image)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutout_against_numpy(shape):
    images, (height, width) = pictures(shape), shape[1:3]
    rows, columns = int(height / 2 + 0.5), int(width / 2 + 0.5)
    top = np.array([-rows // 2, 0, 1, 2, height - 1, height - rows])
    left = np.array([3, 0, -columns // 2, width - columns, 1, width - 1])
    expected = images.copy()
    for image, y, x in zip(expected, top, left, strict=True):
        image[max(y, 0) : y + rows, max(x, 0) : x + columns] = 0
    np.testing.assert_array_equal(cutout(images, top, left), expected)


def test_brightness_saturation_and_contrast_are_drawn_from_the_papers_ranges():
    # Two pixels of opposite hue and different grey: what is added to their mean is the brightness,
    # the difference of their greys is stretched by the contrast, that of channels by both.
    image = jnp.array([[[0.6, 0.2, 0.4], [-0.4, 0.0, -0.2]]])
    out = np.asarray(augment(jnp.tile(image[None], (3000, 1, 1, 1)), MANY, ("color",)))[:, 0]
    contrast = (out[:, 0].mean(axis=-1) - out[:, 1].mean(axis=-1)) / 0.6
    drawn = {
        (-0.5, 0.5): out.mean(axis=(1, 2)) - 0.1,
        (0, 2): (out[:, 0, 0] - out[:, 0, 1]) / 0.4 / contrast,
        (0.5, 1.5): contrast,
    }
    for (low, high), values in drawn.items():
        assert stats.kstest(values, "uniform", (low, high - low)).pvalue > 0.01
    assert np.abs(np.corrcoef(list(drawn.values())) - np.eye(3)).max() < 0.06


@pytest.mark.parametrize("policy", ["translation", "shift"])
@pytest.mark.parametrize(("height", "width"), [(16, 24), (28, 12)])
def test_shifts_are_uniform_up_to_an_eighth_of_the_side(policy, height, width):
    dot = jnp.zeros((3000, height, width, 1)).at[:, 6, 5].set(1.0)
    _, rows, columns, _ = np.nonzero(augment(dot, MANY, (policy,)))
    shifts = (rows - 6, int(height / 8 + 0.5)), (columns - 5, int(width / 8 + 0.5))
    for moved, most in shifts:
        assert len(moved) == 3000
        values, counts = np.unique(moved, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(-most, most + 1))
        assert stats.chisquare(counts).pvalue > 0.01
    assert abs(np.corrcoef(shifts[0][0], shifts[1][0])[0, 1]) < 0.06


@pytest.mark.parametrize("side", [28, 32])
def test_pictures_of_28_and_32_pixels_are_shifted_by_at_most_four(side):
    ramp = jnp.arange(side, dtype=jnp.float32)
    image = jnp.broadcast_to((100 * ramp[:, None] + ramp[None])[..., None], (side, side, 1))
    seen = augment(jnp.tile(image[None], (3000, 1, 1, 1)), MANY, ("shift",))
    # The middle of the picture says how far it moved.
    moved = np.asarray(seen[:, side // 2, side // 2, 0] - image[side // 2, side // 2, 0])
    down = np.rint(moved / 100)
    np.testing.assert_array_equal(np.unique(down), np.arange(-4, 5))
    np.testing.assert_array_equal(np.unique(moved - 100 * down), np.arange(-4, 5))


def test_one_picture_in_two_is_mirrored():
    image = jnp.asarray(pictures((1, 8, 8, 3)))
    seen = np.asarray(augment(jnp.tile(image, (3000, 1, 1, 1)), MANY, ("flip",)))
    mirrored = (seen == image[:, :, ::-1]).all(axis=(1, 2, 3))
    np.testing.assert_array_equal((seen == image).all(axis=(1, 2, 3)), ~mirrored)
    assert stats.binomtest(int(mirrored.sum()), 3000).pvalue > 0.01


@pytest.mark.parametrize(("height", "width"), [(8, 12), (6, 9), (7, 8)])
def test_what_is_cut_out_is_centred_anywhere_in_the_image(height, width):
    white = jnp.ones((3000, height, width, 1))
    cut = np.asarray(augment(white, MANY, ("cutout",)))[..., 0] == 0
    for axis, side in ((2, height), (1, width)):
        # A rectangle half outside keeps a quarter of the side, one inside has half of it.
        size = int(side / 2 + 0.5)
        hit = cut.any(axis=axis)
        lengths, first = hit.sum(axis=1), hit.argmax(axis=1)
        assert lengths.max() == size
        start = np.where(first > 0, first, lengths - size)
        middles = start + size // 2
        values, counts = np.unique(middles, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(side + 1 - size % 2))
        assert stats.chisquare(counts).pvalue > 0.01


def test_no_policy_is_the_identity():
    images = jnp.asarray(pictures(SHAPES[0]))
    assert augment(images, KEYS, ()) is images


def test_policies_are_applied_in_turn_and_each_has_draws_of_its_own():
    images = pictures(SHAPES[0])
    out = np.asarray(augment(images, KEYS, ("color", "color")))
    once = augment(images, KEYS, ("color",))
    assert not np.allclose(augment(once, KEYS, ("color",)), out)
    with pytest.raises(KeyError):
        augment(images, KEYS, ("colour",))


@pytest.mark.parametrize("shape", [(6, 12, 20, 3), (6, 7, 10, 1)])
def test_draws_belong_to_the_example_whatever_the_batch(shape):
    images = pictures(shape)
    together = jax.jit(augment, static_argnums=2)(images, KEYS, ALL)
    assert together.shape == shape
    assert together.dtype == jnp.float32
    np.testing.assert_allclose(
        together[2:4], augment(images[2:4], KEYS[2:4], ALL), rtol=1e-5, atol=1e-6
    )


def test_equal_keys_transform_real_and_generated_images_alike():
    # All policies are affine in the image, so a mixture's picture is the mixture of pictures.
    real, fake = pictures(SHAPES[0], 1), pictures(SHAPES[0], 2)
    seen = [augment(images, KEYS, ALL) for images in (real, fake, 0.3 * real + 0.7 * fake)]
    np.testing.assert_allclose(seen[2], 0.3 * seen[0] + 0.7 * seen[1], rtol=1e-4, atol=1e-5)
    other = augment(real, MANY[6:12], ALL)
    assert not np.allclose(seen[0], other)


def test_the_gradient_flows_to_the_pixels_that_are_still_seen():
    images = pictures((6, 8, 8, 1))
    weights = pictures(images.shape, 3)

    def total(images, policies):
        return jnp.sum(weights * augment(images, KEYS, policies))

    check_grads(lambda x: total(x, ALL), (images,), 1, modes=("rev",), rtol=1e-2, atol=1e-2)
    for policy in ("translation", "cutout", "flip", "shift"):
        grads = np.asarray(jax.grad(total)(images, (policy,)))
        seen = np.asarray(augment(images, KEYS, (policy,)))
        # A pixel has a gradient exactly if its value still occurs.
        still = np.array([np.isin(a, b) for a, b in zip(images, seen, strict=True)])
        np.testing.assert_array_equal(grads != 0, still)
