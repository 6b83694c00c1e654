"""The chart of points in the plane, and the picture of a cloud of them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.report import points, style, workdir
from gen_jax.report.document import Charts, Missing

MODES = np.array([[2.0, 0], [0, 2], [-2, 0], [0, -2]], np.float32)
ARRAYS = {
    "points_samples": np.repeat(MODES, 5, axis=0),
    "points_real": np.repeat(MODES, 3, axis=0) + 0.01,
    "points_modes": MODES,
    "points_radius": np.array([0.06], np.float32),
}


def run(tmp_path, **changes):
    (tmp_path / "evals").mkdir()
    kept = {k: v for k, v in (ARRAYS | changes).items() if v is not None}
    np.savez(tmp_path / "evals" / "figures.npz", **kept)
    return workdir.read(tmp_path)


def test_a_run_without_points_has_no_chart(tmp_path):
    assert points.scatter(run(tmp_path, **dict.fromkeys(ARRAYS))) == []


def test_points_and_circles_are_drawn(tmp_path):
    (found,) = points.scatter(run(tmp_path))
    assert isinstance(found, Charts)
    (chart,) = found.charts
    assert [entry[0] for entry in chart.legend] == [
        "real",
        "generated",
        "three standard deviations",
    ]
    assert "20 samples over 12 test points" in found.caption
    assert "outside" not in found.caption
    assert not re.search(r"#[0-9a-f]{6}\b", chart.svg)
    drawn = {
        colour: re.findall(rf'<path d="([^"]*)"[^>]*stroke: var\(--{colour}\)', chart.svg)
        for colour in ("green", "orange", "ink")
    }
    assert [path.count("M") for path in drawn["green"]] == [12]
    assert [path.count("M") for path in drawn["orange"]] == [20]
    assert len(drawn["ink"]) == 4
    assert found.sheet.startswith(b"\x89PNG")


def test_many_points_take_few_bytes(tmp_path):
    cloud = np.random.default_rng(0).uniform(-2, 2, (10_000, 2)).astype(np.float32)
    (found,) = points.scatter(run(tmp_path, points_samples=cloud, points_real=cloud))
    assert "2,500 samples over 2,500 test points" in found.caption
    assert len(found.charts[0].svg) < 250_000


def test_samples_outside_are_counted_and_not_drawn(tmp_path):
    far = np.concatenate([MODES, [[1e6, 0], [0, -9]]])
    (found,) = points.scatter(run(tmp_path, points_samples=far))
    assert "2 samples lie outside the picture" in found.caption
    (path,) = re.findall(r'<path d="([^"]*)"[^>]*stroke: var\(--orange\)', found.charts[0].svg)
    assert path.count("M") == 4
    (found,) = points.scatter(workdir.read(tmp_path)._replace(figures={**ARRAYS}))
    assert "outside" not in found.caption


def test_all_samples_may_be_outside(tmp_path):
    (found,) = points.scatter(run(tmp_path, points_samples=MODES + 100))
    assert "4 samples lie outside" in found.caption
    assert "var(--orange)" not in found.charts[0].svg


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_absent_or_misshapen_arrays_are_a_line(tmp_path, name):
    figures = run(tmp_path).figures
    for wrong in (
        None,
        np.zeros((3, 2, 2), np.float32),
        np.zeros((3, 3), np.float32),
        np.array(["text"]),
        np.full_like(ARRAYS[name], np.nan),
        np.zeros((0, 2), np.float32),
    ):
        changed = {k: v for k, v in (figures | {name: wrong}).items() if v is not None}
        (found,) = points.scatter(workdir.read(tmp_path)._replace(figures=changed))
        assert isinstance(found, Missing)
        assert name in found.text
        assert ("is not in it" in found.text) == (wrong is None)


def colour(name):
    return [int(style.light(name)[i : i + 2], 16) for i in (1, 3, 5)]


def test_the_picture_has_points_where_they_are():
    cloud = np.repeat([[1.0, 1.5]], 60, axis=0)
    picture = points.picture(cloud, MODES, side=100)
    assert (picture.shape, picture.dtype) == ((100, 100, 3), np.uint8)
    low, high = points.window(MODES)
    across, up = (cloud[0] - low) / (high - low)
    row, column = 99 - int(100 * up), int(100 * across)
    for offset in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        assert picture[row + offset[0], column + offset[1]].tolist() == colour("orange")
    assert picture[row + 1, column + 1].tolist() == colour("paper")
    # The mode at (0, 2) is marked above the middle.
    row = 99 - int(100 * (2 - low[1]) / (high[1] - low[1]))
    assert row < 50
    assert picture[row, 50].tolist() == colour("mute")
    assert np.any(picture != colour("paper"), axis=-1).sum() == 5 + 4 * 5


def test_more_points_are_darker_and_none_leave_marks_alone():
    pictures = [points.picture(np.full((n, 2), 0.5), MODES, 64).astype(int) for n in (0, 1, 2)]
    changed = [np.abs(pictures[i + 1] - pictures[i]).sum(axis=-1) for i in (0, 1)]
    assert [int((c > 0).sum()) for c in changed] == [5, 5]
    assert (changed[0][changed[0] > 0] > changed[1][changed[1] > 0]).all()


def test_points_that_are_nowhere_are_left_out():
    nowhere = np.array([[np.nan, 0], [0, np.inf], [1e9, 0], [-7, 0]])
    alone = points.picture(np.zeros((0, 2)), MODES)
    np.testing.assert_array_equal(points.picture(nowhere, MODES), alone)


@given(
    st.lists(st.tuples(*[st.floats(-4, 4, width=32)] * 2), max_size=8),
    st.sampled_from([8, 33, 256]),
)
def test_any_cloud_can_be_pictured(cloud, side):
    picture = points.picture(np.array(cloud, np.float32).reshape(-1, 2), MODES, side)
    assert (picture.shape, picture.dtype) == ((side, side, 3), np.uint8)


def test_the_window_of_one_mode_is_a_square_around_it():
    low, high = points.window(np.array([[3.0, -1.0]]))
    np.testing.assert_allclose((low + high) / 2, [3, -1])
    np.testing.assert_allclose(high - low, [1.3, 1.3])
