"""Curves of several models: which panels there are, what their lines are drawn through."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gen_jax.report.comparison import curves
from gen_jax.report.document import Charts, Missing
from tests.report.comparison.fabricated import log


@pytest.fixture
def drawn(grouped, monkeypatch):
    """What is drawn: {title: (axes, legend)} of every block of charts."""
    plots = []
    monkeypatch.setattr(
        curves.drawing, "charts", lambda name, each, caption: plots.append(each) or caption
    )

    def draw():
        blocks = curves.draw(grouped())
        found = []
        for each in plots:
            axes = {plot.title: Figure().add_subplot() for plot in each}
            found.append({p.title: (axes[p.title], p.draw(axes[p.title])) for p in each})
        return found, blocks

    return draw


def test_a_panel_is_what_two_models_share(run, drawn):
    run("a", name="vae", rows=log(kl=1.0, shared=1.0))
    run("b", name="gan", rows=log(shared=2.0, **{"loss/generator": 1.0, "memory/host": 1.0}))
    (panels,), _ = drawn()
    assert list(panels) == ["Total loss", "Speed", "shared"]
    axes, legend = panels["shared"]
    assert [label for label, _, _ in legend] == ["vae", "gan"]
    assert len({colour for _, colour, _ in legend}) == 2
    assert [line.get_ydata()[0] for line in axes.lines] == [1.0, 2.0]
    assert axes.get_xlabel() == "images seen"
    assert axes.lines[0].get_xdata().tolist() == list(range(20, 801, 20))  # ten images a step


def test_of_seeds_the_line_is_the_mean_and_the_band_the_range(run, drawn):
    for seed, value in ((1, 1.0), (2, 2.0), (3, 6.0)):
        run(f"a{seed}", seed=seed, rows=log(shared=value))
    run("b", rows=log(shared=4.0), changes={"loss": {"beta": 4.0}})
    (panels,), (caption,) = drawn()
    axes, _ = panels["shared"]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3.0] * 40, [4.0] * 40]
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.0, 6.0)
    assert caption.endswith("Of several seeds a line is the mean and the band their range.")


def test_seeds_meet_at_the_steps_they_share(run, drawn):
    run("a2", seed=2, rows=log(shared=1.0))
    extra = [{"step": 41, "wall": 41.0, "kind": "train", "shared": 99.0}]  # of a stop
    run("a1", seed=1, rows=[*log(shared=3.0), *extra])
    run("b", rows=log(shared=4.0), changes={"loss": {"beta": 4.0}})
    (panels,), _ = drawn()
    line = panels["shared"][0].lines[0]
    assert set(line.get_ydata()) == {2.0}
    assert 410 not in line.get_xdata()


def test_many_records_are_averaged(run, drawn):
    values = np.random.default_rng(0).random(600)
    for name in "ab":
        run(name, name=name, rows=log(values, last=1200))
    (panels,), _ = drawn()
    ours = panels["Total loss"][0].lines[0].get_ydata()
    np.testing.assert_allclose(ours, values.reshape(120, 5).mean(1), rtol=1e-12)


def test_without_a_batch_size_the_axis_is_in_steps(run, drawn):
    run("a", name="a")
    run("b", name="b", changes={"batch_size": None})
    (panels,), _ = drawn()
    axes, _ = panels["Total loss"]
    assert axes.get_xlabel() == "step"
    assert axes.lines[0].get_xdata()[0] == 2


def test_models_of_different_data_are_never_on_one_pair_of_axes(run, drawn):
    run("a", name="a")
    for name in ("b", "c"):
        run(name, name=name, changes={"data": {"name": "mnist"}})
    (panels,), (caption,) = drawn()
    assert [label for label, _, _ in panels["Total loss"][1]] == ["b", "c"]
    assert caption.endswith(" Trained on data.name mnist.")


def test_two_folders_of_images_are_two_data_sets(run, drawn):
    for name, folder in (("a", "one"), ("b", "two"), ("c", "two")):
        run(name, name=name, changes={"data": {"name": "folder", "dir": folder}})
    (panels,), (caption,) = drawn()
    assert [label for label, _, _ in panels["Total loss"][1]] == ["b", "c"]
    assert caption.endswith(" Trained on data.dir two.")


def test_where_a_named_data_set_lies_is_no_other_data(run, drawn):
    run("a", name="a")
    run("b", name="b", changes={"data": {"dir": "elsewhere"}})
    assert len(drawn()[0]) == 1


def test_the_number_of_test_images_is_no_other_data(run, drawn):
    run("a", name="a")
    run("b", name="b", changes={"data": {"num_test": 7}})
    assert len(drawn()[0]) == 1


def test_records_that_are_not_finite_are_counted(run, grouped):
    rows = [row | ({"shared": None if row["step"] > 70 else 1.0}) for row in log()]
    run("a", name="a", rows=rows)
    run("b", name="b", rows=log(shared=1.0))
    charts, note = curves.draw(grouped())
    assert isinstance(charts, Charts)
    assert [chart.title for chart in charts.charts] == ["Total loss", "Speed", "shared"]
    assert note == Missing(
        "shared of a: 5 of 40 records are not finite and left out, the first at step 72."
    )


def test_nothing_shared_is_one_line(run, grouped):
    run("a", name="a", rows=[])
    run("b", name="b")
    (block,) = curves.draw(grouped())
    assert block.text.startswith("No shared curves: no two models of the same data")
