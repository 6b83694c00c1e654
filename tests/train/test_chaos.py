"""A training that is killed at random moments ends where it would have ended. (50: benchmarks/.)"""

import random
import subprocess

import pytest

from benchmarks import chaos
from gen_jax.audit import ledger

# As small as a run of the flagship on shapes can be told to be on the command line.
SETTINGS = {
    "num_steps": 24,
    "checkpoint_every": 4,
    "log_every": 4,
    "ledger_every": 3,
    "sample_every": 0,
    "eval_every": 0,
    "batch_size": 8,
    "z_dim": 4,
    "data.image_size": 8,
    "data.num_train": 64,
    "data.num_test": 16,
    "encoder.widths": "(4,)",
    "encoder.hidden": 4,
    "generator.widths": "(4,)",
    "discriminator.widths": "(4,)",
    "discriminator.hidden": 4,
    "eval.disentanglement": False,
    "eval.probe_examples": 0,
    "eval.pca": False,
    "eval.projection": 0,
    "eval.samples": 16,
    "eval.examples": 16,
}
OPTIONS = ["--config=configs/cvae_gan_shapes.py"]
OPTIONS += [f"--config.{key}={value}" for key, value in SETTINGS.items()]
KILLS = 2


def test_a_training_killed_again_and_again_ends_as_if_left_alone(tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    subprocess.run(chaos.command(alone, OPTIONS), check=True, capture_output=True)
    met = list(chaos.torment(chaos.command(killed, OPTIONS), KILLS, 12.0, random.Random(1)))
    assert 1 <= len(met) <= KILLS
    assert chaos.difference(alone, killed) == ""
    assert max(ledger.read(killed).steps()) == 24
    # The referee sees what it should.
    lines = (killed / "metrics.jsonl").read_text().splitlines(keepends=True)
    (killed / "metrics.jsonl").write_text("".join([*lines, lines[-1]]))
    assert "more than once" in chaos.difference(alone, killed)
    (killed / "metrics.jsonl").write_text("".join(lines[1:]))
    assert "are lost" in chaos.difference(alone, killed)


def test_a_process_that_ends_otherwise_is_an_error():
    argv = [chaos.sys.executable, "-c", "import sys; sys.exit(3)"]
    with pytest.raises(RuntimeError, match="exit code 3"):
        list(chaos.torment(argv, 0, 1.0, random.Random(0)))
