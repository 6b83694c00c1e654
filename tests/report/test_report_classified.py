import io
import re

import numpy as np
import pytest
from PIL import Image

from gen_jax.report import classified, workdir
from gen_jax.report.document import Charts, Gallery, Missing

SIDE = 16


def read(root, **arrays):
    """The run with nothing but these arrays, over those of an evaluation; None takes one away."""
    rng = np.random.default_rng(0)
    mask = np.arange(8)[None] < np.array([8, 3, 0])[:, None]
    pictures = rng.integers(1, 255, (3, 8, SIDE, SIDE, 3)).astype(np.uint8)
    kept = {
        "class_names": np.array(["apple", "aquarium_fish", "lamp"]),
        "class_shares": np.array([0.75, 0.25, 0.0], np.float32),
        "class_shares_real": np.array([0.5, 0.25, 0.25], np.float32),
        "classified_samples": pictures,
        "classified_mask": mask,
        "classified_labels": np.arange(3),
    } | arrays
    found = {name: array for name, array in kept.items() if array is not None}
    np.savez(root / "evals" / "figures.npz", **found)
    return workdir.read(root)


def heights(svg, colour):
    """Heights of the bars of a colour, in points."""
    paths = re.findall(rf'<path d="([^"]*z) ?"[^>]*fill: var\(--{colour}\)', svg)
    ys = [[float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)] for path in paths]
    return [max(y) - min(y) for y in ys]


def test_bars_are_the_shares_of_samples_beside_those_of_test_images(lean):
    chart, _ = classified.shares(read(lean))
    assert isinstance(chart, Charts)
    svg = chart.charts[0].svg
    assert chart.charts[0].legend == (("samples", "orange", ""), ("test images", "green", ""))
    ours, real = np.array(heights(svg, "orange")), np.array(heights(svg, "green"))
    np.testing.assert_allclose(ours / real[0], [1.5, 0.5, 0], atol=0.02)
    np.testing.assert_allclose(real / real[0], [1, 0.5, 0.5], atol=0.02)
    assert "aquarium fish</text>" in svg


def test_many_classes_are_two_falling_lines(lean):
    shares = np.random.default_rng(0).dirichlet(np.ones(1000))
    run = read(lean, class_shares=shares, class_shares_real=np.full(1000, 1e-3))
    chart, _ = classified.shares(run)
    assert "1,000 classes, each kind's commonest first" in chart.caption
    assert len(chart.charts[0].svg) < 120_000
    assert not heights(chart.charts[0].svg, "navy")


def test_rows_show_the_samples_named_so_and_nothing_else(lean):
    run = read(lean)
    _, gallery = classified.shares(run)
    assert isinstance(gallery, Gallery)
    assert [item.label for item in gallery.items] == ["apple", "aquarium_fish", "lamp"]
    rows = [np.asarray(Image.open(io.BytesIO(item.png))) for item in gallery.items]
    for row, pictures, mask in zip(
        rows, run.figures["classified_samples"], run.figures["classified_mask"], strict=True
    ):
        assert row.shape == (SIDE, 8 * (SIDE + 2) - 2, 4)
        for column in range(8):
            cell = row[:, column * (SIDE + 2) : column * (SIDE + 2) + SIDE]
            if mask[column]:
                np.testing.assert_array_equal(cell[..., :3], pictures[column])
            assert (cell[..., 3] == 255 * mask[column]).all()


def test_a_run_without_names_has_no_such_section(lean):
    arrays = ("class_shares", "class_shares_real", "classified_samples")
    assert classified.shares(read(lean, **dict.fromkeys(arrays))) == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"class_shares_real": None}, "No class shares"),
        ({"class_shares": np.ones((3, 1))}, "No class shares"),
        ({"class_shares": np.array([1, np.nan, 0])}, "No class shares"),
        ({"class_shares": np.ones(4)}, "No class shares"),
        ({"classified_samples": np.zeros((3, 8, 4, 4), np.uint8)}, "No samples by named class"),
        ({"classified_mask": np.ones((3, 7), bool)}, "No samples by named class"),
        ({"classified_mask": None}, "No samples by named class"),
    ],
)
def test_misshapen_arrays_are_a_line_that_says_so(lean, broken, message):
    lines = [
        block for block in classified.shares(read(lean, **broken)) if isinstance(block, Missing)
    ]
    assert [line.text.split(":")[0] for line in lines] == [message]


def test_labels_that_do_not_reach_are_rows(lean):
    _, gallery = classified.shares(read(lean, classified_labels=np.array([1])))
    assert [item.label for item in gallery.items] == ["row 1", "row 2", "row 3"]
