import json
import math

import numpy as np
import pytest

from gen_jax.errors import UserError
from gen_jax.report import workdir


def write_metrics(root, *lines):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (root / "metrics.jsonl").write_text(text)


def test_no_folder_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="No workdir"):
        workdir.read(tmp_path / "nowhere")


def test_a_truncated_last_line_is_left_out_with_a_note(tmp_path):
    write_metrics(tmp_path, {"step": 1, "wall": 0, "mse": 2.0}, '{"step": 2, "wall": 1, "ms')
    run = workdir.read(tmp_path)
    assert [record.step for record in run.records] == [1]
    assert run.notes == ("metrics.jsonl: line 2, the last one, is cut off and was left out.",)


def test_an_unreadable_line_in_the_middle_is_another_note(tmp_path):
    write_metrics(tmp_path, {"step": 1}, "[]", '{"loss": 1}', {"step": 4})
    run = workdir.read(tmp_path)
    assert [record.step for record in run.records] == [1, 4]
    assert run.notes == ("metrics.jsonl: 2 unreadable lines were left out, the first is line 2.",)


def test_the_last_record_of_a_step_wins_within_its_kind(tmp_path):
    write_metrics(
        tmp_path,
        {"step": 1, "kind": "train", "mse": 1.0},
        {"step": 2, "kind": "train", "mse": 2.0},
        {"step": 2, "kind": "eval", "mse": 9.0},
        {"step": 1, "kind": "train", "mse": 5.0},
    )
    run = workdir.read(tmp_path)
    steps, values = run.series("train", "mse")
    assert steps.tolist() == [1, 2]
    assert values.tolist() == [5.0, 2.0]
    assert run.series("eval", "mse")[1].tolist() == [9.0]
    assert "1 steps were recorded again" in run.notes[0]


def test_values_that_are_not_finite_are_read_however_they_are_spelt(tmp_path):
    write_metrics(tmp_path, '{"step": 1, "a": NaN, "b": null, "c": "Infinity", "d": "text"}')
    (record,) = workdir.read(tmp_path).records
    assert math.isnan(record.scalars["a"])
    assert math.isnan(record.scalars["b"])
    assert record.scalars["c"] == math.inf
    assert "d" not in record.scalars


@pytest.mark.parametrize(
    "name", ["config.json", "environment.json", "evals/reconstruction.json", "evals/figures.npz"]
)
def test_a_damaged_file_becomes_a_note_that_names_it(lean, name):
    (lean / name).write_bytes((lean / name).read_bytes()[:50])
    (note,) = workdir.read(lean).notes
    assert note.startswith(f"{name} cannot be read: ")


def test_samples_are_found_by_step(full):
    (full / "samples" / "step_final.png").write_bytes(b"")
    assert list(workdir.read(full).samples) == list(range(100, 601, 100))


def test_a_complete_workdir_is_read_whole(full):
    run = workdir.read(full)
    assert run.settings["data"]["name"] == "shapes"
    assert len(run.series("train", "kl")[0]) == 300
    assert run.figures["class_grid"].dtype == np.uint8
    assert [content["name"] for content in run.evals] == ["reconstruction"]
