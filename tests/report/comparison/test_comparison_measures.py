"""Rows hold numbers of one protocol; a winner leads every other by more than both spreads."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.report.comparison import measures
from gen_jax.report.comparison.estimates import Estimate
from gen_jax.report.comparison.measures import Row, winner
from tests.report.comparison.fabricated import content_of, log, merged


def evaluated(models, name="reconstruction"):
    return [row for row in measures.rows(models) if row.evaluation == name]


def test_seeds_are_averaged_and_models_are_not(run, grouped):
    for folder, seed, beta, mse in (("a", 1, 1.0, 0.1), ("b", 2, 1.0, 0.3), ("c", 1, 4.0, 0.7)):
        evals = [content_of("reconstruction", {"mse": mse, "deep": {"er": seed}})]
        run(folder, seed=seed, changes={"loss": {"beta": beta}}, evals=evals)
    mse, nested = evaluated(grouped())
    assert (mse.quantity, nested.quantity) == ("mse", "deep.er")
    assert mse.cells[0].mean == pytest.approx(0.2)
    assert mse.cells[0].spread == pytest.approx(math.sqrt(0.02))  # 0.1² + 0.1² over one
    assert mse.cells[1] == Estimate(0.7, None, 1)
    assert nested.cells[0].mean == 1.5
    assert mse.differing == ""


SAME = [
    {"protocol": {"seed": 9}},
    {"protocol": {"config_digest": "other"}},
    {"protocol": {"ema_decay": 0.9}},
    {"protocol": {"git_commit": "other", "git_dirty": True, "commit": "other"}},
    {"protocol": {"absent": {"fid": "weights absent"}}},
    {"protocol": {"found": ["mode collapse"]}},
    {"protocol": {"fits": {"C": 3.0}}},
    {"protocol": {"of": {"psnr": {"peak": 2}, "floor/mse": {"images": "test"}}}},
    {"protocol": {"of": {"mse": {"seed": 9}}}},
    {"step": 7},
    {"verdict": "other"},
]
APART = [
    ({"num_examples": 64}, "num_examples 500", "num_examples 64"),
    ({"split": "train"}, "split test", "split train"),
    ({"protocol": {"method": "sampled"}}, "method exact", "method sampled"),
    ({"protocol": {"draws": 3}}, "draws not given", "draws 3"),
    ({"protocol": {"inner": {"k": [1, 2]}}}, "inner.k not given", "inner.k [1, 2]"),
    ({"protocol": {"of": {"mse": {"draws": 3}}}}, "draws not given", "draws 3"),
    ({"protocol": {"of": {"mse": {"method": "other"}}}}, "method exact", "method other"),
    ({"protocol": {"of": {"mse": {"inner": {"k": 1}}}}}, "inner.k not given", "inner.k 1"),
]


@pytest.mark.parametrize("change", SAME)
def test_what_is_no_protocol_does_not_part_numbers(run, grouped, change):
    run("a", name="a")
    other = content_of("reconstruction", {"mse": 0.4}, **change)
    run("b", name="b", changes={"family": "gan"}, evals=[other])
    (row,) = evaluated(grouped())
    assert sorted(row.cells) == [0, 1]


@pytest.mark.parametrize(("change", "ours", "theirs"), APART)
def test_numbers_of_two_protocols_are_never_in_one_row(run, grouped, change, ours, theirs):
    run("a", name="a")
    other = content_of("reconstruction", {"mse": 0.4}, **change)
    run("b", name="b", changes={"family": "gan"}, evals=[other])
    first, second = evaluated(grouped())
    assert (list(first.cells), list(second.cells)) == ([0], [1])
    assert (first.differing, second.differing) == (ours, theirs)


def test_what_concerns_one_quantity_parts_that_one_alone(run, grouped):
    for name in ("a", "b"):
        of = {"feature_distance": {"weights_sha256": name}}
        numbers = {"ssim": 0.9, "feature_distance": 0.1}
        run(name, name=name, evals=[content_of("similarity", numbers, protocol={"of": of})])
    found = [
        (row.quantity, row.differing, list(row.cells)) for row in evaluated(grouped(), "similarity")
    ]
    assert found == [
        ("ssim", "", [0, 1]),
        ("feature_distance", "weights_sha256 a", [0]),
        ("feature_distance", "weights_sha256 b", [1]),
    ]


def test_seeds_of_one_model_judged_through_two_files_are_not_averaged(run, grouped):
    for seed in (1, 2):
        judged = content_of("cas", {"cas": 0.1 * seed}, protocol={"weights_sha256": f"{seed}"})
        evals = [judged, content_of("reconstruction", {"mse": 0.5})]
        run(f"{seed}", seed=seed, changes={"eval": {"classifier": f"{seed}.npz"}}, evals=evals)
    (model,) = models = grouped()
    assert len(model.members) == 2
    first, second = evaluated(models, "cas")
    assert (first.cells, second.cells) == ({0: Estimate(0.1, None, 1)}, {0: Estimate(0.2, None, 1)})
    assert evaluated(models)[0].cells[0].seeds == 2


def test_seeds_of_one_model_are_not_averaged_over_two_protocols(run, grouped):
    run("a", seed=1)
    run("b", seed=2, evals=[content_of("reconstruction", {"mse": 0.9}, num_examples=9)])
    first, second = evaluated(grouped())
    assert first.cells == {0: Estimate(0.5, None, 1)}
    assert second.cells == {0: Estimate(0.9, None, 1)}


def test_another_unit_or_evaluation_is_another_row(run, grouped):
    nats = content_of("nll", {"nll": 80.0}, units={"nll": "nats"})
    bits = content_of("nll", {"nll": 115.0}, units={"nll": "bits"})
    run("a", name="a", evals=[nats])
    run("b", name="b", changes={"family": "gan"}, evals=[bits, content_of("other", {"nll": 80.0})])
    assert [row.unit for row in evaluated(grouped(), "nll")] == ["nats", "bits"]
    (other,) = evaluated(grouped(), "other")
    assert list(other.cells) == [1]


@pytest.mark.parametrize(
    ("data", "apart"),
    [
        ({"name": "mnist"}, "data.name mnist"),
        ({"num_test": 9}, "data.num_test 9"),
        ({"dir": "elsewhere"}, None),
        ({"name": "folder", "dir": "a"}, "data.name folder, data.dir a"),
        ({"flip": True}, None),
    ],
)
def test_numbers_on_other_test_images_are_in_another_row(run, grouped, data, apart):
    run("a", name="a")
    run("b", name="b", changes={"data": data})
    rows = evaluated(grouped())
    assert [row.differing for row in rows][1:] == ([apart] if apart else [])


def test_two_folders_of_images_are_two_data_sets(run, grouped):
    for name in ("a", "b"):
        run(name, name=name, changes={"data": {"name": "folder", "dir": f"images/{name}"}})
    rows = evaluated(grouped())
    assert [row.differing for row in rows] == ["data.dir images/a", "data.dir images/b"]


def test_a_likelihood_given_the_label_is_another_quantity(run, grouped):
    evals = [content_of("reconstruction", {"elbo": -9.0, "mse": 0.5})]
    run("a", name="a", evals=evals)
    run("b", name="b", evals=evals, changes={"conditional": True})
    rows = [(row.quantity, row.differing, list(row.cells)) for row in evaluated(grouped())]
    assert rows == [
        ("elbo", "given nothing", [0]),
        ("elbo", "given the label", [1]),
        ("mse", "", [0, 1]),
    ]


def test_a_null_is_not_a_number_and_text_is_none(run, grouped):
    run("a", name="a", evals=[content_of("reconstruction", {"mse": None, "of": "x", "on": True})])
    run("b", name="b", changes={"family": "gan"})
    (row,) = evaluated(grouped())
    assert math.isnan(row.cells[0].mean)
    assert row.cells[1].mean == 0.5


def test_costs_are_those_of_the_log_and_device(run, grouped):
    rows = [merged(row, {"memory/host": 0.5 + row["step"] / 100}) for row in log()]
    run("a", name="a", rows=rows)
    run("b", name="b", changes={"family": "gan", "n_critic": 5}, device_kind="H200")
    found = {}
    for row in evaluated(grouped(), "compute"):
        found.setdefault(row.quantity, []).append((row.differing, row.cells))
    one = {place: Estimate(value, None, 1) for place, value in ((0, 80), (1, 80))}
    assert found["training steps"] == [("", one)]
    assert found["images seen"][0][1][0].mean == 800
    assert found["images seen"][0][1][1].mean == 4000
    assert found["parameters"][0][1][0].mean == 3000
    speeds = found["images per second"]
    assert [differing for differing, _ in speeds] == ["device 1 × cpu", "device 1 × H200"]
    assert speeds[0][1] == {0: Estimate(50.0, None, 1)}
    assert found["wall time"][0][1][0].mean == 78.5
    assert found["peak memory, host"] == [("", {0: Estimate(1.3, None, 1)})]


def row_of(quantity, *cells):
    estimates = {i: Estimate(m, s, 1 if s is None else 3) for i, (m, s) in enumerate(cells)}
    return Row("any", quantity, "", "", estimates)


@pytest.mark.parametrize(
    ("quantity", "cells", "best"),
    [
        ("mse", [(1.0, 0.3), (2.0, 0.4)], 0),  # 1 > 0.5
        ("psnr", [(1.0, 0.3), (2.0, 0.4)], 1),
        ("mse", [(1.0, 0.3), (1.5, 0.4)], None),  # 0.5 is not beyond 0.5
        ("mse", [(1.0, 0.3), (1.5001, 0.4)], 0),
        ("mse", [(5.0, 1.0), (1.0, 0.3), (2.0, 0.4)], 1),
        ("mse", [(10.0, 0.1), (12.0, 0.1), (12.1, 20.0)], None),  # the third may well be better
        ("psnr", [(12.1, 20.0), (12.2, 0.1), (14.0, 0.1)], None),
        ("mse", [(1.0, 0.0), (1.1, 0.0)], 0),
        ("mse", [(1.0, 0.0), (1.0, 0.0)], None),
        ("mse", [(1.0, None), (9.0, 0.1)], None),  # one seed has no spread
        ("mse", [(1.0, 0.1), (9.0, None)], None),
        ("mse", [(1.0, 0.1), (2.0, 0.1), (9.0, None)], None),
        ("mse", [(1.0, 0.1), (math.nan, None)], None),
        ("mse", [(1.0, 0.1)], None),
        ("sharpness_samples", [(1.0, 0.1), (9.0, 0.1)], None),  # best is neither low nor high
        ("loss/total", [(1.0, 0.1), (9.0, 0.1)], None),
    ],
)
def test_the_winner_leads_every_other_by_more_than_both_spreads(quantity, cells, best):
    assert winner(row_of(quantity, *cells)) == best


CELL = st.tuples(st.floats(-9, 9), st.none() | st.floats(0, 9))


@given(st.lists(CELL, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_winner_is_the_same_in_any_order_and_upside_down(cells, random):
    best = winner(row_of("mse", *cells))
    order = list(range(len(cells)))
    random.shuffle(order)
    shuffled = winner(row_of("mse", *(cells[i] for i in order)))
    assert (None if shuffled is None else order[shuffled]) == best
    assert winner(row_of("psnr", *((-mean, spread) for mean, spread in cells))) == best
