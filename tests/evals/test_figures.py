import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import ArraySplit, DataSpec, scaled
from gen_jax.evals import figures
from gen_jax.evals.figures import arithmetic
from gen_jax.evals.model import Model, to_uint8

SIDE = 2
NAMES = ("a", "b", "c")


def linear_model(z_dim=4, conditional=False, count=40, logvar=-1.0, functions=None, classes=3):
    """Codes are the first pixels of an image, decoding puts them back: a code is a picture."""
    images = np.random.default_rng(0).integers(1, 255, (count, SIDE, SIDE, 1), np.uint8)
    labels = np.arange(count, dtype=np.int32) % classes
    spec = DataSpec("grey", (SIDE, SIDE, 1), classes, NAMES[:classes], count)

    def encode(state, images, labels):
        mean = images.reshape(len(images), -1)[:, :z_dim]
        return mean, np.full(mean.shape, logvar, np.float32) + 0 * mean

    def decode(state, z, labels):
        flat = jnp.zeros((len(z), SIDE * SIDE)).at[:, :z_dim].set(z)
        return flat.reshape(-1, SIDE, SIDE, 1)

    def sample(state, keys, labels):
        shade = labels[:, None, None, None] / 2 - 0.5
        return jnp.broadcast_to(shade, (len(labels), SIDE, SIDE, 1))

    able = {"encode": encode, "decode": decode, "sample": sample}
    family = Family(None, None, **{n: able[n] for n in (able if functions is None else functions)})
    evaluation = {"batch_size": 16, "projection": 20, "grid_rows": 2, "grid_columns": 5}
    config = ConfigDict({"seed": 0, "conditional": conditional, "eval": evaluation, "family": "f"})
    split = ArraySplit(spec, images, labels)
    state = TrainState(0, {}, {}, {}, {}, {})
    return Model(family, state, config, split, split, 0)


@pytest.fixture(scope="module")
def drawn():
    model = linear_model()
    return model, figures.arrays(model)


@pytest.mark.parametrize(
    ("functions", "present"),
    [
        ((), set()),
        (("sample",), {"samples"}),
        (("encode",), {"latent_pca", "latent_pca_explained", "latent_tsne", "latent_labels"}),
    ],
)
def test_a_family_has_the_pictures_it_has_functions_for(functions, present):
    assert set(figures.arrays(linear_model(functions=functions))) == present | {"class_names"}


def test_every_picture_is_uint8_and_of_one_size(drawn):
    for name, array in drawn[1].items():
        pictures = array.ndim > 3
        assert (array.dtype == np.uint8) == pictures, name
        assert not pictures or array.shape[-3:] == (SIDE, SIDE, 1)


def test_unconditional_samples_are_a_grid_and_conditional_ones_a_class_a_row(drawn):
    assert drawn[1]["samples"].shape[:2] == (2, 5)
    assert "class_grid" not in drawn[1]
    model = linear_model(conditional=True, functions=("sample",))
    conditional = figures.arrays(model)
    assert conditional["class_grid_labels"].tolist() == [0, 1]
    assert np.unique(conditional["class_grid"][0]).tolist() == [64]
    assert np.unique(conditional["class_grid"][1]).tolist() == [128]
    assert "samples" not in conditional
    assert figures.class_grid(model, np.array([2]), 3).shape == (1, 3, SIDE, SIDE, 1)


def test_a_lossless_code_reconstructs_its_test_image(drawn):
    model, arrays = drawn
    np.testing.assert_array_equal(arrays["reconstruction_input"], model.test.images[:16])
    np.testing.assert_array_equal(arrays["reconstruction_output"], model.test.images[:16])
    for row, ends in zip(arrays["interpolation"], arrays["interpolation_ends"], strict=True):
        np.testing.assert_array_equal(row[[0, -1]], ends)
    for row, ends in zip(
        arrays["interpolation_spherical"], arrays["interpolation_ends"], strict=True
    ):
        np.testing.assert_array_equal(row[[0, -1]], ends)


def test_interpolations_are_within_classes_then_between(drawn):
    labels = drawn[1]["interpolation_labels"]
    assert (labels[:, 0] == labels[:, 1]).tolist() == [True] * 3 + [False] * 3


def test_images_are_shown_as_the_model_saw_them():
    model = linear_model()
    family = model.family._replace(observe=lambda images, keys: jnp.where(images > 0, 1.0, -1.0))
    arrays = figures.arrays(model._replace(family=family))
    for name in ("reconstruction_input", "reconstruction_output", "interpolation_ends"):
        assert set(np.unique(arrays[name])) == {0, 255}
    assert set(np.unique(arrays["arithmetic"][:, 0])) == {0, 255}


def test_arithmetic_ends_where_the_difference_of_class_means_points(drawn):
    model, arrays = drawn
    assert arrays["arithmetic_labels"].tolist() == [[0, 1], [1, 2], [2, 0]]
    images, labels = scaled(model.test.images), model.test.labels
    for row, (b, a) in zip(arrays["arithmetic"], arrays["arithmetic_labels"], strict=True):
        first = images[labels == b][0]
        moved = first + images[labels == a].mean(axis=0) - images[labels == b].mean(axis=0)
        np.testing.assert_array_equal(row[0], row[1])
        np.testing.assert_array_equal(row[0], to_uint8(first))
        np.testing.assert_allclose(row[-1].astype(int), to_uint8(moved).astype(int), atol=1)
    assert arrays["arithmetic"].shape[1] == len(arithmetic.SHARES) + 1


@pytest.mark.parametrize("options", [{"conditional": True}, {"classes": 1}])
def test_no_arithmetic_with_the_label_as_input_or_one_class_only(options):
    assert "arithmetic" not in figures.arrays(linear_model(**options))


def test_a_plane_of_codes_has_a_manifold_and_needs_no_projection():
    model = linear_model(z_dim=2)
    arrays = figures.arrays(model)
    np.testing.assert_allclose(
        arrays["latent_plane"], scaled(model.test.images[:20]).reshape(20, -1)[:, :2]
    )
    assert "latent_pca" not in arrays
    assert "manifold_labels" not in arrays
    manifold = arrays["manifold"][..., 0].astype(int)
    assert manifold.shape == (20, 20, SIDE, SIDE)
    across, upwards = manifold[..., 0, 0], manifold[..., 0, 1]
    assert np.all(np.diff(across, axis=1) >= 0)
    assert np.all(np.diff(across, axis=0) == 0)
    assert np.all(np.diff(upwards, axis=0) <= 0)
    # The medians of the prior are the middle of the picture: a grey of 0.
    assert across[0, 9] + across[0, 10] in (254, 255, 256)


def test_a_conditional_manifold_says_whose_it_is():
    assert figures.arrays(linear_model(2, conditional=True))["manifold_labels"].tolist() == [0]


def test_the_same_model_gives_the_same_arrays(drawn):
    model, before = drawn
    after = figures.arrays(model)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_two_test_images_are_enough():
    arrays = figures.arrays(linear_model(count=2))
    assert arrays["interpolation_labels"].tolist() == [[0, 1]]
    assert arrays["traversal"].shape[:2] == (4, 11)
    assert "latent_pca" not in arrays
    assert "interpolation" not in figures.arrays(linear_model(count=1))


def test_points_are_traversed_in_their_own_standard_deviations():
    model = linear_model(logvar=-np.inf)
    arrays = figures.arrays(model)
    assert "traversal_kl" not in arrays
    codes = scaled(model.test.images).reshape(40, -1)
    order = np.argsort(-codes.var(axis=0))
    assert arrays["traversal_dims"].tolist() == order.tolist()
    np.testing.assert_allclose(arrays["traversal_variance"], codes.var(axis=0)[order], rtol=1e-5)
    row = arrays["traversal"][0].reshape(11, -1)[:, order[0]].astype(int)
    expected = codes[:, order[0]].mean() + np.linspace(-3, 3, 11) * codes[:, order[0]].std()
    np.testing.assert_allclose(row, to_uint8(expected).astype(int), atol=1)
