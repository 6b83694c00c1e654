"""What is logged is read back, whatever a crash left of it."""

from gen_jax.train import records


def test_records_are_read_as_they_were_written(tmp_path):
    written = records.Records(tmp_path, 0)
    written.write(1, "train", {"loss/total": 2.5})
    written.write(2, "eval", {"mse": 0.5})
    written.close()
    first, second = records.read(tmp_path)
    assert first.pop("wall") <= second.pop("wall")
    assert first == {"step": 1, "kind": "train", "loss/total": 2.5}
    assert second == {"step": 2, "kind": "eval", "mse": 0.5}


def test_lines_that_are_no_records_are_left_out(tmp_path):
    lines = ['{"step": 1}', "[]", "7", '{"a": 2.0}', '{"step": "two"}', '{"step": 3}', '{"step": 4']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert [record["step"] for record in records.read(tmp_path)] == [1, 3]


def test_a_run_without_a_log_has_no_records(tmp_path):
    assert records.read(tmp_path) == []
