"""Evaluations at epochs side by side, and why a model has none."""

import pytest

from gen_jax.report.comparison import by_epoch
from gen_jax.report.document import Missing, Table
from tests.report.comparison.fabricated import content_of, log


def cells(grouped):
    """Rows of the table without their notes, and the places that say why there is no number."""
    (table,) = by_epoch.table(grouped())
    assert isinstance(table, Table)
    return list(table.rows), set(table.absent)


def evaluations(mse, *steps, **more):
    for row in log(last=120):
        if row["kind"] == "train":
            yield row
    for step in steps:
        yield {"step": step, "wall": 1.0, "kind": "eval", "mse": mse} | more


def test_seeds_are_averaged_at_each_epoch(run, grouped):
    run("a", seed=1, rows=evaluations(0.1, 40, 80))
    run("b", seed=2, rows=evaluations(0.3, 40, 80))
    run("c", changes={"loss": {"beta": 4.0}}, rows=evaluations(0.7, 40))
    rows, absent = cells(grouped)
    assert rows == [
        ("mse", "1", "0.20 ± 0.14", "0.7"),
        ("", "2", "0.20 ± 0.14", "not evaluated"),
    ]
    assert absent == {(1, 3)}


def test_a_quantity_that_a_family_cannot_have_says_so(run, grouped):
    run("a", name="vae", rows=evaluations(0.1, 40))
    game = [*log(), {"step": 40, "wall": 1.0, "kind": "eval", "d_auc": 0.9}]
    game = [row for row in game if "mse" not in row]
    discrimination = [content_of("discrimination", {"d_auc": 0.8})]
    run("b", name="gan", changes={"family": "gan"}, rows=game, evals=discrimination)
    assert cells(grouped)[0] == [
        ("mse", "1", "0.1", "no encoder"),
        ("d_auc", "1", "no discriminator", "0.9"),
    ]


@pytest.mark.parametrize("change", [{"eval": {"examples": 9}}, {"data": {"name": "mnist"}}])
def test_other_protocols_have_rows_of_their_own(run, grouped, change):
    run("a", name="a", rows=evaluations(0.1, 40))
    run("b", name="b", rows=evaluations(0.2, 40), changes=change)
    assert cells(grouped)[0] == [
        ("mse", "1", "0.1", "other protocol"),
        ("mse", "1", "other protocol", "0.2"),
    ]


def test_the_protocol_is_that_of_the_final_evaluation(run, grouped):
    run("a", name="a", rows=evaluations(0.1, 40))
    evals = [content_of("reconstruction", {"mse": 0.5}, protocol={"method": "sampled"})]
    run("b", name="b", changes={"family": "gan"}, rows=evaluations(0.2, 40), evals=evals)
    (table,) = by_epoch.table(grouped())
    assert table.notes == ("method exact", "method sampled")


def final(**protocol):
    return [content_of("reconstruction", {"mse": 0.5}, protocol=protocol)]


def test_seeds_are_not_averaged_over_two_protocols(run, grouped):
    for seed, mse, draws in ((1, 0.1, 3), (2, 0.2, 5), (3, 0.3, 5)):
        run(f"a{seed}", seed=seed, rows=evaluations(mse, 40), evals=final(draws=draws))
    (table,) = by_epoch.table(grouped())
    assert table.rows == (
        ("mse", "1", "0.1 (1 of 3)"),
        ("mse", "1", "0.250 ± 0.071 (2 of 3)"),
    )
    assert table.notes == ("draws 3", "draws 5")


def test_a_seed_without_a_final_evaluation_counts_as_the_others(run, grouped):
    at_the_end = {"step": 120, "protocol": {"draws": 3}}
    evals = [content_of("reconstruction", {"mse": 0.5}, **at_the_end)]
    run("a1", seed=1, rows=evaluations(0.1, 40), evals=evals)
    run("a2", seed=2, rows=evaluations(0.3, 40), evals=[])
    assert cells(grouped)[0] == [("mse", "1", "0.20 ± 0.14")]


def test_the_number_of_test_images_in_the_end_does_not_matter(run, grouped):
    run("a", name="a", rows=evaluations(0.1, 40))
    evals = [content_of("reconstruction", {"mse": 0.5}, num_examples=9)]
    run("b", name="b", changes={"family": "gan"}, rows=evaluations(0.2, 40), evals=evals)
    assert cells(grouped)[0] == [("mse", "1", "0.1", "0.2")]


def test_a_model_that_asks_for_no_epochs_is_not_evaluated(run, grouped):
    run("a", name="a", rows=evaluations(0.1, 40))
    run("b", name="b", rows=evaluations(0.2, 40), changes={"eval_epochs": []})
    assert cells(grouped)[0] == [("mse", "1", "0.1", "not evaluated")]


def test_no_epochs_at_all_is_one_line(run, grouped):
    for name in "ab":
        run(name, name=name, changes={"eval_epochs": []})
    (block,) = by_epoch.table(grouped())
    assert block == Missing(
        "No evaluation at epochs: eval_epochs asks for none, or none was made."
    )  # fmt: skip
