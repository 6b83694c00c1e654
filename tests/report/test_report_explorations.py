import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from gen_jax import report
from gen_jax.report import explorations, pictures, plots, style, workdir

EXPLORATIONS = [
    "Latent space",
    "Latent traversals",
    "Latent manifold",
    "Class arithmetic",
    "Generative factors",
    "Likelihood",
    "Anomalies",
    "Denoising",
]


def headings(root):
    report.write(root)
    return re.findall(r"^## (.*)$", (root / "report.md").read_text(), re.MULTILINE)


def change(root, **arrays):
    """Replaces arrays; None takes one away."""
    file = root / "evals" / "figures.npz"
    kept = dict(np.load(file)) | arrays
    np.savez(file, **{name: array for name, array in kept.items() if array is not None})
    return workdir.read(root)


def size(png):
    return Image.open(io.BytesIO(png)).size


def test_every_array_is_drawn_in_reading_order(rich):
    found = headings(rich)
    assert [title for title in found if title in EXPLORATIONS] == EXPLORATIONS
    assert "Samples" in found
    assert "Samples by class" not in found
    page = (rich / "report.html").read_text()
    assert page.count('class="missing"') == 0
    paths = re.findall(r"!\[[^\]]*\]\((.*?)\)", (rich / "report.md").read_text())
    assert set(paths) == {f"report/{file.name}" for file in (rich / "report").iterdir()}


def test_the_same_arrays_give_the_same_bytes(rich):
    def contents():
        report.write(rich)
        return [file.read_bytes() for file in [rich / "report.html", *(rich / "report").iterdir()]]

    assert contents() == contents()


def test_a_family_without_pictures_has_no_sections_for_them(lean):
    np.savez(lean / "evals" / "figures.npz", class_names=np.array(["a", "b"]))
    found = headings(lean)
    assert not set(found) & {*EXPLORATIONS, "Samples", "Samples by class", "Test reconstructions"}
    assert "Latent interpolations" not in found
    assert (lean / "report.html").read_text().count('class="missing"') == 0


def test_an_unconditional_run_is_not_promised_samples_by_class(lean):
    (lean / "evals" / "figures.npz").unlink()
    stored = json.loads((lean / "config.json").read_text())
    stored["config"]["conditional"] = False
    (lean / "config.json").write_text(json.dumps(stored))
    assert "Samples" in headings(lean)


def test_great_circles_are_below_the_lines_and_ends_stand_once(rich):
    both = pictures.interpolations(workdir.read(rich))
    picture = np.asarray(Image.open(io.BytesIO(both.items[0].png)))
    alone = pictures.interpolations(change(rich, interpolation_spherical=None))
    single = np.asarray(Image.open(io.BytesIO(alone.items[0].png)))
    height, middle = len(single), slice(20, -20)
    np.testing.assert_array_equal(picture[:height], single)
    np.testing.assert_array_equal(picture[height + 2 : 2 * height + 2, middle], single[:, middle])
    assert picture[height:, :16, 3].max() == picture[height:, -16:, 3].max() == 0
    assert "great circle" in both.caption
    assert "great circle" not in alone.caption


def test_traversals_name_dimension_and_size(rich):
    (found,) = explorations.traversal(workdir.read(rich))
    labels = [item.label for item in found.items]
    assert labels == ["z[4] · 2.20 nats", "z[0] · 1.25 nats", "z[7] · 0.03 nats"]
    assert "from −3 to 3 standard deviations of the prior" in found.caption
    points = change(rich, traversal_kl=None, traversal_variance=np.array([4.0, 1.0, 0.25]))
    (found,) = explorations.traversal(points)
    assert [item.label for item in found.items] == [
        "z[4] · std 2", "z[0] · std 1", "z[7] · std 0.5",
    ]  # fmt: skip
    assert "standard deviations of the codes" in found.caption


def test_a_manifold_is_one_picture_in_few_colours(rich):
    (found,) = explorations.manifold(workdir.read(rich))
    assert size(found.items[0].png) == (4 * 16, 4 * 16)
    assert Image.open(io.BytesIO(found.items[0].png)).mode == "P"
    assert "class" not in found.caption
    (found,) = explorations.manifold(change(rich, manifold_labels=np.array([4])))
    assert "told the class lamp" in found.caption


def test_arithmetic_says_from_where_to_where(rich):
    (found,) = explorations.arithmetic(workdir.read(rich))
    assert [item.label for item in found.items] == [
        "apple → aquarium_fish",
        "aquarium_fish → apple",
    ]
    assert "t = 0.25, 0.5, 0.75, 1." in found.caption


def test_each_corruption_has_its_gallery(rich):
    found = explorations.denoised(workdir.read(rich))
    assert [gallery.caption.split(".")[0] for gallery in found] == [
        "Corruption: gaussian", "Corruption: salt and pepper",
    ]  # fmt: skip
    assert [item.label for item in found[0].items] == ["clean", "corrupted", "denoised"]


def test_anomalies_have_their_classes(rich):
    most, least = explorations.anomalies(workdir.read(rich))
    assert [item.label for item in most.items][:2] == ["apple", "aquarium_fish"]
    assert least.caption == "The 4 least anomalous test images, with their classes."


@pytest.mark.parametrize(
    ("classes", "entries", "others"), [(3, 3, False), (20, 20, False), (21, 11, True)]
)
def test_the_legend_of_the_latent_space(rich, classes, entries, others):
    points = np.random.default_rng(0).normal(size=(2000, 2))
    names = np.array([f"c{i}" for i in range(classes)])
    run = change(
        rich,
        latent_pca=points,
        latent_tsne=points,
        latent_labels=np.arange(2000) % classes,
        class_names=names,
    )
    (found,) = plots.latent_space(run)
    assert [chart.title for chart in found.charts] == ["Codes by PCA", "Codes by t-SNE"]
    for chart in found.charts:
        assert len(chart.legend) == entries
        assert ("other classes" in [entry[0] for entry in chart.legend]) == others
        assert not re.search(r"#[0-9a-f]{6}\b", chart.svg)
        assert len(chart.svg) < 120_000
    assert "2,000 test images" in found.caption
    assert found.charts[0].unit == "31% of the variance across, 12% upwards"


def test_a_latent_plane_needs_no_projection(rich):
    plane = np.random.default_rng(0).normal(size=(40, 2))
    (found,) = plots.latent_space(
        change(rich, latent_plane=plane, latent_pca=None, latent_tsne=None, latent_labels=None)
    )
    assert [chart.unit for chart in found.charts] == ["z[0] across, z[1] upwards"]
    assert "t-SNE" not in found.caption
    assert "coloured" not in found.caption


def test_bars_fall_and_add_up(rich):
    (found,) = plots.kl_per_dimension(workdir.read(rich))
    assert "3 dimensions, 3.5 nats" in found.caption
    bars = [
        [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)]
        for path in re.findall(r'<path d="([^"]*z) ?"[^>]*fill: var\(--teal\)', found.charts[0].svg)
    ]
    heights = [max(ys) - min(ys) for ys in bars]
    np.testing.assert_allclose(np.array(heights) / heights[0], [1, 0.5, 0.25], atol=0.01)


def test_the_dimensions_that_know_most_are_shown_with_numbers(rich):
    table = np.zeros((40, 2))
    table[5:30, 0] = 0.5
    table[35, 1] = 0.987
    (found,) = plots.factors(change(rich, factor_information=table))
    svg = found.charts[0].svg
    assert "0.99</text>" in svg
    assert "x position</text>" in svg
    assert "z[35]</text>" in svg
    assert "z[0]</text>" not in svg
    assert "24 of 40 dimensions" in found.caption


@pytest.mark.parametrize(
    ("metric", "axis"),
    [("elbo", "negative ELBO, nats"), ("mse", "mean squared error"), ("", "score")],
)
def test_histograms_count_both_kinds_and_say_of_what(rich, metric, axis):
    content = {"name": "anomaly", "values": {f"auroc_{metric}": 0.9, "auroc_other": 0.8}}
    if metric:
        (rich / "evals" / "anomaly.json").write_text(json.dumps(content))
    (found,) = plots.scores(workdir.read(rich))
    assert [entry[0] for entry in found.charts[0].legend] == ["trained on", "anomalies"]
    assert "32 test images of the classes trained on, 8 of the others" in found.caption
    assert axis in found.charts[0].svg


def test_numbers_that_are_not_finite_are_not_drawn(rich):
    run = change(rich, kl_per_dimension=np.array([1, np.nan]), nll_curve=np.array([1.0]))
    assert plots.kl_per_dimension(run) == []
    assert plots.likelihood(run) == []


def test_arrays_that_do_not_fit_together_are_drawn_without_what_does_not_fit(rich):
    change(
        rich,
        traversal_dims=np.array([1]),
        traversal_kl=np.zeros((3, 2)),
        latent_labels=np.array([1, 2]),
        factor_names=np.array(["alone"]),
        denoise_names=None,
        arithmetic_labels=np.array([1, 0]),
    )
    assert [title for title in headings(rich) if title in EXPLORATIONS] == EXPLORATIONS


def test_class_colours_are_distinct_on_light_and_on_dark_paper():
    assert len(style.CLASSES) == 20
    for which in (0, 1):
        assert len({style.PALETTE[name][which] for name in style.PALETTE}) == len(style.PALETTE)


def test_a_page_of_nothing_but_noise_stays_below_three_megabytes_and_a_half(rich):
    random = np.random.default_rng(0)
    noise = {
        name: random.integers(0, 256, (*shape, 32, 32, 3), np.uint8)
        for name, shape in {
            "samples": (20, 10),
            "reconstruction_input": (64,),
            "reconstruction_output": (64,),
            "interpolation": (6, 10),
            "interpolation_spherical": (6, 10),
            "interpolation_ends": (6, 2),
            "traversal": (10, 11),
            "manifold": (20, 20),
            "arithmetic": (6, 6),
            "denoise": (3, 3, 10),
            "anomaly_most": (16,),
            "anomaly_least": (16,),
        }.items()
    }
    change(rich, **noise)
    report.write(rich)
    assert (rich / "report.html").stat().st_size < 3_500_000
