"""Images of a run are those of all draws, and the first verdict is that of the training."""

import json

import pytest

from gen_jax.report import sections, timing, workdir
from gen_jax.report.document import Table, Verdict


def run_of(root, evals=(), **config):
    (root / "config.json").write_text(json.dumps({"config": config}))
    rows = [{"step": step, "wall": float(step), "kind": "train"} for step in (50, 100)]
    (root / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "evals").mkdir()
    for name in evals:
        content = {"name": name, "step": 100, "values": {}, "verdict": f"Of {name}."}
        (root / "evals" / f"{name}.json").write_text(json.dumps(content))
    return workdir.read(root)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"family": "gan", "n_critic": 5}, ("steps × batch size × n_critic", "32,000")),
        ({"family": "gan", "n_critic": 1}, ("steps × batch size", "6,400")),
        ({"family": "gan"}, ("steps × batch size", "6,400")),
        ({"family": "gan", "n_critic": "many"}, ("steps × batch size", "6,400")),
        # A second batch, for the density ratio.
        ({"family": "vae", "loss": {"objective": "factor"}}, ("steps × batch size × 2", "12,800")),
        ({"family": "vae", "loss": {"objective": "tcvae"}}, ("steps × batch size", "6,400")),
        # Every config has the key; other families draw one batch a step.
        ({"family": "vae", "n_critic": 5}, ("steps × batch size", "6,400")),
    ],
)
def test_images_of_every_batch_of_a_step_were_seen(tmp_path, config, expected):
    blocks = timing.compute(run_of(tmp_path, batch_size=64, **config))
    (table,) = [b for b in blocks if isinstance(b, Table) and b.columns[0] == "compute"]
    assert (f"images seen, {expected[0]}", expected[1]) in table.rows


def test_the_peaks_of_memory_are_those_of_the_whole_log(tmp_path):
    rows = [
        {"step": 1, "wall": 1.0, "kind": "train", "memory/host": 1.5, "memory/device": 3.0},
        {"step": 2, "wall": 2.0, "kind": "train", "memory/host": 0.5, "memory/device": None},
    ]
    run = run_of(tmp_path)
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert timing.peaks(run) == {}
    run = workdir.read(tmp_path)
    assert timing.peaks(run) == {"host": 1.5, "device": 3.0}
    (table,) = [b for b in timing.compute(run) if isinstance(b, Table)]
    assert table.rows[-2:] == (("peak memory, host, GiB", "1.5"), ("peak memory, device, GiB", "3"))


def test_the_verdict_on_the_training_comes_first(tmp_path):
    run = run_of(tmp_path, ("classified", "dynamics", "discrimination", "samples"), family="gan")
    blocks = sections.compose(run).sections[0].blocks
    verdicts = [block.source for block in blocks if isinstance(block, Verdict)]
    assert verdicts[0] == "dynamics"
    assert sorted(verdicts) == ["classified", "discrimination", "dynamics", "samples"]
