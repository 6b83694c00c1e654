import json

import pytest

from gen_jax.report import epochs, panels, workdir


def run_with(tmp_path, eval_epochs, *rows):
    config = {"eval_epochs": eval_epochs, "eval": {"examples": 500}}
    (tmp_path / "config.json").write_text(json.dumps({"config": config}))
    (tmp_path / "metrics.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return workdir.read(tmp_path)


def log(per_epoch, steps, **scalars):
    """Records of a run that logs and evaluates at these steps."""
    for step in steps:
        yield {"step": step, "kind": "train", "loss/total": 9.0, "epoch": step / per_epoch}
        yield {"step": step, "kind": "eval", "kl": float(step), "mse": 0.5, **scalars}


def test_rows_are_the_chosen_epochs_and_the_last(tmp_path):
    # 10.5 steps an epoch: epoch 1 ends within step 11, epoch 2 with step 21.
    run = run_with(tmp_path, [1, 2, 3], *log(10.5, [5, 11, 21, 40], elbo=-7.0))
    (table,) = epochs.table(run)
    assert table.columns == ("epoch", "step", "elbo", "kl", "mse")
    assert table.rows == (
        ("1.05", "11", "−7", "11", "0.5"),
        ("2", "21", "−7", "21", "0.5"),
        ("3.81", "40", "−7", "40", "0.5"),
    )
    assert table.caption == "On the first 500 test images."


def test_a_value_that_an_evaluation_lacks_is_left_blank(tmp_path):
    rows = [*log(10, [10]), *log(10, [20], **{"loss/kl": 3.0, "fid": 40.0, "d/real": 1.0})]
    (table,) = epochs.table(run_with(tmp_path, [1, 2], *rows))
    assert table.columns == ("epoch", "step", "loss/kl", "kl", "mse", "fid")
    assert [row[2] for row in table.rows] == ["", "3"]


def test_a_gan_has_columns_of_its_game(tmp_path):
    game = {"d_auc": 0.9, "d_accuracy": 0.8, "loss/discriminator": 1.2, "loss/generator": 0.7}
    rows = log(10, [10], fid=40.0, **game, **{"d/real": 1.0})
    (table,) = epochs.table(run_with(tmp_path, [1], *rows))
    named = ("kl", "mse", "loss/generator", "loss/discriminator", "d_accuracy", "d_auc", "fid")
    assert table.columns == ("epoch", "step", *named)
    assert table.rows == (("1", "10", "10", "0.5", "0.7", "1.2", "0.8", "0.9", "40"),)


@pytest.mark.parametrize("chosen", [[], None, "all"])
def test_no_table_without_chosen_epochs(tmp_path, chosen):
    assert epochs.table(run_with(tmp_path, chosen, *log(10, [10]))) == []


def test_no_table_without_evaluations_or_epochs(tmp_path):
    assert epochs.table(run_with(tmp_path, [1], {"step": 10, "kind": "train", "epoch": 1.0})) == []
    assert epochs.table(run_with(tmp_path, [1], {"step": 10, "kind": "eval", "kl": 1.0})) == []


def test_what_a_vae_and_a_classifier_log_has_panels_of_its_own(tmp_path):
    names = ["elbo", "beta", "sigma", "loss/total", "tc", "accuracy", "cross_entropy"]
    names += ["loss/perceptual", "bits_per_dim"]
    run = run_with(tmp_path, [], {"step": 1, "kind": "train", **dict.fromkeys(names, 1.0)})
    found = panels.present(run)
    assert [len(panel.lines) for panel in found] == [1] * len(names)
    assert not {panel.title for panel in found} & set(names)
    assert all(panel.unit for panel in found)
