"""Pictures side by side: whose they are, what they share, and why one is not there."""

import io

import numpy as np
import pytest
from PIL import Image

from gen_jax.report.comparison import pictures
from gen_jax.report.document import Gallery, Missing
from tests.report.comparison.fabricated import SIDE, figures_of


def opened(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def shades(item):
    """The gray values of an item's opaque pixels."""
    pixels = opened(item.png)
    return set(pixels[..., 0][pixels[..., -1] > 0].tolist())


def without(name):
    figures = figures_of(90)
    del figures[name]
    return figures


def test_samples_are_those_of_each_model_and_of_its_first_seed(run, grouped):
    run("a1", seed=2, figures=figures_of(50))
    run("a2", seed=1, figures=figures_of(90))
    run("b", seed=1, figures=figures_of(150), changes={"loss": {"beta": 4.0}})
    (gallery,) = pictures.samples(grouped())
    assert [item.label for item in gallery.items] == ["vae, beta 1.0", "vae, beta 4.0"]
    assert [shades(item) for item in gallery.items] == [{90}, {150}]
    assert gallery.caption.endswith("Models with several seeds are shown by seed 1.")
    assert opened(gallery.items[0].png).shape[:2] == (3 * SIDE + 2 * 2, 4 * SIDE + 3 * 2)


def test_a_single_seed_goes_without_saying(run, grouped):
    for name in "ab":
        run(name, name=name, figures=figures_of(90))
    (gallery,) = pictures.samples(grouped())
    assert gallery.caption == "Samples from the prior."


def test_samples_by_class_are_said_to_be(run, grouped):
    run("a", name="vae", figures=figures_of(50))
    grid = {"class_grid": figures_of(90)["samples"]}
    run("b", name="cvae", figures=grid, changes={"conditional": True})
    (gallery,) = pictures.samples(grouped())
    assert [shades(item) for item in gallery.items] == [{50}, {90}]
    assert gallery.caption == "Samples from the prior. A row is a class in those of cvae."


def test_reconstructions_are_below_the_test_images_they_are_of(run, grouped):
    for name, shade in (("a", 50), ("b", 90)):
        run(name, name=name, figures=figures_of(shade))
    other = figures_of(150)
    other["reconstruction_input"] = other["reconstruction_input"][::-1]
    run("c", name="c", figures=other)
    first, second = pictures.reconstructions(grouped())
    assert [item.label for item in first.items] == ["test images", "a", "b"]
    assert [item.label for item in second.items] == ["test images", "c"]
    assert [shades(item) for item in first.items[1:]] == [{50}, {90}]
    originals = opened(first.items[0].png)[:SIDE, :SIDE, 0]
    np.testing.assert_array_equal(originals, np.arange(64).reshape(8, 8))


def test_paths_of_all_models_alternate(run, grouped):
    for name, shade in (("a", 50), ("b", 90)):
        run(name, name=name, figures=figures_of(shade))
    (gallery,) = pictures.paths(grouped())
    assert [item.label for item in gallery.items] == ["a", "b"] * 3
    middle = opened(gallery.items[0].png)[:, 2 * SIDE]
    assert {50} == set(middle[middle[..., -1] > 0][..., 0].tolist())


def test_models_without_an_encoder_walk_between_draws(run, grouped):
    run("a", name="vae", figures=figures_of(50))
    walk = {"samples": figures_of(90)["samples"], "walk": np.full((2, 5, SIDE, SIDE, 1), 90, "u1")}
    run("b", name="gan", changes={"family": "gan"}, figures=walk)
    between, walks = pictures.paths(grouped())
    assert {item.label for item in between.items} == {"vae"}
    assert [item.label for item in walks.items] == ["gan", "gan"]
    (gallery, note) = pictures.reconstructions(grouped())
    assert isinstance(gallery, Gallery)
    assert note == Missing("No reconstructions of gan: family gan has no encoder.")


def test_sizes_of_pictures_are_not_mixed(run, grouped):
    run("a", name="a", figures=figures_of(50))
    large = {
        name: array.repeat(2, axis=-2).repeat(2, axis=-3) for name, array in figures_of(9).items()
    }
    run("b", name="b", figures=large, changes={"data": {"name": "mnist"}})
    assert [len(gallery.items) for gallery in pictures.paths(grouped())] == [3, 3]
    assert [len(gallery.items) for gallery in pictures.reconstructions(grouped())] == [2, 2]


def test_points_in_the_plane_are_a_cloud(run, grouped):
    points = np.random.default_rng(0).normal(size=(50, 2))
    figures = {"points_samples": points, "points_modes": np.array([[0.0, 0], [1, 1]])}
    for name in "ab":
        run(name, name=name, figures=figures)
    (gallery,) = pictures.samples(grouped())
    assert [opened(item.png).shape for item in gallery.items] == [(256, 256, 3)] * 2


@pytest.mark.parametrize(
    ("draw", "figures", "family", "said"),
    [
        (pictures.samples, None, "vae", "No samples of b: evals/figures.npz is not there"),
        (
            pictures.samples,
            without("samples"),
            "vae",
            "No samples of b: evals/figures.npz holds none",
        ),
        (pictures.samples, without("samples"), "classifier", "a classifier generates nothing"),
        (pictures.reconstructions, None, "gan", "family gan has no encoder"),
        (
            pictures.reconstructions,
            without("reconstruction_output"),
            "vae",
            "No reconstructions of b: evals/figures.npz was read, reconstruction_output is not in",
        ),
        (pictures.paths, None, "vae", "No latent interpolations of b: evals/figures.npz is not"),
        (pictures.paths, without("interpolation_ends"), "vae", "interpolation_ends is not in it"),
    ],
)
def test_a_picture_that_is_not_there_says_why(run, grouped, draw, figures, family, said):
    run("a", name="a", figures=figures_of(50))
    run("b", name="b", figures=figures, changes={"family": family})
    gallery, note = draw(grouped())
    assert [item.label for item in gallery.items][-1] == "a"
    assert isinstance(note, Missing)
    assert said in note.text


def test_pictures_of_noise_keep_to_their_budget(run, grouped):
    random = np.random.default_rng(0)
    noise = {
        name: random.integers(0, 256, shape, np.uint8)
        for name, shape in {
            "samples": (100, 10, 64, 64, 3),
            "reconstruction_input": (64, 64, 64, 3),
            "reconstruction_output": (64, 64, 64, 3),
            "interpolation": (10, 12, 64, 64, 3),
            "interpolation_ends": (10, 2, 64, 64, 3),
        }.items()
    }
    for name in "abc":
        run(name, name=name, figures=noise)
    models = grouped()
    blocks = [*pictures.samples(models), *pictures.reconstructions(models), *pictures.paths(models)]
    assert all(isinstance(block, Gallery) for block in blocks)
    size = sum(len(item.png) for gallery in blocks for item in gallery.items)
    assert size < 4_000_000
