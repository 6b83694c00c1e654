import io
import json

import numpy as np
import pytest
from PIL import Image

from gen_jax.report import latent_walks, workdir
from tests.report.test_report_explorations import EXPLORATIONS, change, headings

GENERATOR = ["Samples", "Latent walks", "Vector arithmetic", "Codes", "Inversions"]


def random_pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 32, 32, 3), np.uint8)


@pytest.fixture
def adversarial(lean):
    """A workdir as the evaluation of an unconditional GAN with codes leaves it."""
    file = lean / "evals" / "figures.npz"
    np.savez(
        file,
        class_names=np.load(file)["class_names"],
        samples=random_pictures(3, 4),
        walk=random_pictures(6, 10),
        walk_spherical=random_pictures(6, 10),
        sample_arithmetic=random_pictures(2, 5),
        sample_arithmetic_labels=np.array([[0, 4], [4, 0]]),
        sample_arithmetic_success=np.array([0.254, 1.0], np.float32),
        codes_categorical=random_pictures(8, 10),
        codes_continuous=random_pictures(2, 10),
        codes_values=np.linspace(-2, 2, 10),
        inversion_input=random_pictures(4),
        inversion_output=random_pictures(4),
        inversion_labels=np.array([4, 0, 1, 1]),
    )
    return lean


def test_a_generator_has_walks_arithmetic_codes_and_inversions(adversarial):
    found = headings(adversarial)
    assert [title for title in found if title in [*EXPLORATIONS, *GENERATOR]] == GENERATOR
    assert not set(found) & {"Test reconstructions", "Latent interpolations"}
    page = adversarial / "report.html"
    assert page.read_text().count('class="missing"') == 0
    assert page.stat().st_size < 2_100_000


def test_walks_are_the_line_above_the_circle_and_named_by_class(adversarial):
    run = workdir.read(adversarial)
    (found,) = latent_walks.walks(run)
    both = np.asarray(Image.open(io.BytesIO(found.items[0].png)))
    (alone,) = latent_walks.walks(change(adversarial, walk_spherical=None))
    single = np.asarray(Image.open(io.BytesIO(alone.items[0].png)))
    np.testing.assert_array_equal(both[:32], single)
    np.testing.assert_array_equal(both[34:66, :32, :3], run.figures["walk_spherical"][0, 0])
    assert "great circle" in found.caption
    assert "great circle" not in alone.caption
    assert found.items[0].label == "row 1"
    (told,) = latent_walks.walks(change(adversarial, walk_labels=np.array([4, 0, 1, 2, 3, 4])))
    assert told.items[0].label == "lamp"
    assert "class" in told.caption


def test_vector_arithmetic_says_how_often_it_worked(adversarial):
    (found,) = latent_walks.vector_arithmetic(workdir.read(adversarial))
    assert [item.label for item in found.items] == ["apple → lamp · 25%", "lamp → apple · 100%"]
    assert "t = 0.25, 0.5, 0.75, 1." in found.caption
    assert "63% on average" in found.caption
    run = change(adversarial, sample_arithmetic_success=None)
    (found,) = latent_walks.vector_arithmetic(run)
    assert [item.label for item in found.items] == ["apple → lamp", "lamp → apple"]


def test_each_kind_of_code_has_its_gallery(adversarial):
    found = latent_walks.codes(workdir.read(adversarial))
    assert [gallery.name for gallery in found] == ["codes_categorical", "codes_continuous"]
    assert [item.label for item in found[1].items] == ["code 1", "code 2"]
    assert "from −2 to 2" in found[1].caption
    (found,) = latent_walks.codes(change(adversarial, codes_categorical=None))
    assert found.name == "codes_continuous"


def test_inversions_stand_below_their_images(adversarial):
    run = workdir.read(adversarial)
    found = latent_walks.inversions(run)
    assert [item.label for item in found.items][:3] == ["lamp", "apple", "aquarium_fish"]
    picture = np.asarray(Image.open(io.BytesIO(found.items[0].png)))[..., :3]
    np.testing.assert_array_equal(picture[:32], run.figures["inversion_input"][0])
    np.testing.assert_array_equal(picture[34:], run.figures["inversion_output"][0])


def test_a_misshapen_array_says_so(adversarial):
    sections = {
        "walk": latent_walks.walks,
        "sample_arithmetic": latent_walks.vector_arithmetic,
        "codes_continuous": latent_walks.codes,
    }
    run = change(adversarial, **dict.fromkeys(sections, np.zeros((2, 3), np.uint8)))
    for name, section in sections.items():
        found = section(run)[-1]
        assert f"{name} does not have the expected shape." in found.text


def test_half_of_the_inversions_says_what_is_missing(adversarial):
    found = latent_walks.inversions(change(adversarial, inversion_output=None))
    assert "inversion_output is not in it" in found.text


def test_a_run_without_any_of_it_has_none_of_it(lean):
    run = workdir.read(lean)
    for section in (latent_walks.walks, latent_walks.vector_arithmetic, latent_walks.codes):
        assert section(run) == []
    assert latent_walks.inversions(run) is None


@pytest.mark.parametrize(("family", "promised"), [("gan", False), ("vae", True)])
def test_only_families_with_an_encoder_are_promised_its_pictures(lean, family, promised):
    (lean / "evals" / "figures.npz").unlink()
    stored = json.loads((lean / "config.json").read_text())
    stored["config"]["family"] = family
    (lean / "config.json").write_text(json.dumps(stored))
    found = set(headings(lean))
    assert ({"Test reconstructions", "Latent interpolations"} <= found) == promised
    assert "Samples by class" in found
