import itertools
import json
import re

import numpy as np
import pytest

from gen_jax.report import curves, panels, workdir


def run_with(tmp_path, *rows):
    (tmp_path / "metrics.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return workdir.read(tmp_path)


def test_only_panels_with_scalars_are_drawn_and_unknown_scalars_get_one(tmp_path):
    run = run_with(tmp_path, {"step": 1, "kl": 1.0, "epoch": 0, "gp/a": 1, "gp/b": 2, "d/real": 3})
    found = {panel.title: [line.scalar for line in panel.lines] for panel in panels.present(run)}
    assert found == {
        "KL divergence": ["kl"],
        "Discriminator outputs": ["d/real"],
        "gp": ["gp/a", "gp/b"],
    }


def test_every_logged_scalar_is_in_exactly_one_panel(full):
    run = workdir.read(full)
    drawn = [line.scalar for panel in panels.present(run) for line in panel.lines]
    assert sorted(drawn) == sorted(set(run.scalar_names("train")) - {"epoch"})


# Scalars of the same meaning in other families: they share a colour, and never a panel.
NEVER_TOGETHER = {("loss/adversarial", "loss/generator"), ("d/prior", "d/fake")}


def test_no_two_lines_of_a_run_share_a_colour_in_a_panel():
    for panel in panels.PANELS:
        for first, second in itertools.combinations(panel.lines, 2):
            if (first.scalar, second.scalar) not in NEVER_TOGETHER:
                assert first.colour != second.colour, (first, second)


def test_scalars_of_a_gan_are_drawn_beside_each_other(tmp_path):
    groups = {
        "loss": ("generator", "discriminator", "penalty", "auxiliary", "info"),
        "d": ("real", "fake", "accuracy_real", "accuracy_fake", "confidence", "overconfidence"),
        "g": ("slope",),
        "grad": ("generator", "discriminator", "generator_max", "discriminator_max"),
        "diversity": ("distance", "duplicates"),
    }
    names = [f"{group}/{member}" for group, members in groups.items() for member in members]
    layers = [f"sigma/Conv_{i}" for i in range(7)]
    rows = [
        {"step": step} | dict.fromkeys([*names, "grad_ratio", *layers], 1.0 + step)
        for step in range(3)
    ]
    run = run_with(tmp_path, *rows)
    found = {}
    for panel in panels.present(run):
        found.setdefault(panel.title, []).append([line.label for line in panel.lines])
    assert found == {
        "Adversarial losses": [["generator", "discriminator"]],
        "Discriminator outputs": [["real", "generated"]],
        "Discriminator accuracy": [["real", "generated", "confidence"]],
        "Gradient norms": [["generator", "discriminator"]],
        "Peak gradient norms": [["generator", "discriminator"]],
        "Slope of the generator's loss": [[""]],
        "Overconfidence in training": [[""]],
        "Gradient ratio": [[""]],
        "Gradient penalty": [[""]],
        "Auxiliary terms": [["class", "codes"]],
        "Diversity": [["distance, relative to real", "share of near-duplicates"]],
        "sigma": [[f"Conv_{i}" for i in range(6)], ["Conv_6"]],
    }
    assert len(curves.draw(run)[0].charts) == 13


def test_thinning_keeps_mean_and_extremes():
    values = np.random.default_rng(0).normal(size=1200)
    curve = panels.thinned(np.arange(1200), values, most=100)
    np.testing.assert_allclose(curve.mean, values.reshape(100, 12).mean(axis=1))
    assert curve.low.min() == values.min()
    assert curve.high.max() == values.max()
    assert curve.steps[0] == 5.5


def test_a_short_run_is_drawn_point_by_point():
    curve = panels.thinned(np.array([2, 4, 9]), np.array([1.0, np.inf, 3.0]))
    assert curve.steps.tolist() == [2, 4, 9]
    np.testing.assert_array_equal(curve.mean, [1, np.nan, 3])
    assert curve.not_finite.tolist() == [4]


@pytest.mark.parametrize(
    ("values", "log"), [([1, 11], True), ([1, 9], False), ([0, 50], False), ([np.nan], False)]
)
def test_log_scale_needs_positive_values_of_different_size(values, log):
    assert panels.wants_log(np.array(values, float)) is log


def test_evaluations_are_matched_by_name(tmp_path):
    (tmp_path / "evals").mkdir()
    content = {"name": "test", "step": 30, "values": {"mse": 3.0, "kl": 9.0}}
    (tmp_path / "evals" / "test.json").write_text(json.dumps(content))
    run = run_with(
        tmp_path,
        {"step": 10, "kind": "eval", "mse": 1.0, "loss/mse": 7.0},
        {"step": 20, "kind": "eval", "test/mse": 2.0},
        {"step": 40, "kind": "eval", "mse": None},
    )
    assert panels.eval_points(run, "mse") == {10: 1.0, 20: 2.0, 30: 3.0}


def test_svg_keeps_tick_labels_and_takes_its_colours_from_the_page(tmp_path):
    rows = [{"step": step, "kl": 0.025 * step} for step in range(5)]
    (figure,) = curves.draw(run_with(tmp_path, *rows))
    svg = figure.charts[0].svg
    assert "0.025</text>" in svg
    assert "var(--teal)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert not re.search(r"http|<metadata|font-family|DejaVu", svg)


def test_records_that_are_not_finite_are_counted(tmp_path):
    rows = [{"step": step, "kl": 1.0 if step < 3 else None} for step in range(5)]
    blocks = curves.draw(run_with(tmp_path, *rows))
    assert blocks[1].text == (
        "kl: 2 of 5 records are not finite (crosses), the first at step 3."
    )  # fmt: skip


def test_a_run_without_a_finite_value_is_still_drawn(tmp_path):
    rows = [{"step": step, "mse": None, "$x_1$": None} for step in range(3)]
    assert len(curves.draw(run_with(tmp_path, *rows))[0].charts) == 2
