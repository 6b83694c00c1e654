"""Honest runs with a history, stopped, prolonged, with gaps in their ledger: none fails."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from gen_jax import config as configs
from gen_jax import evals, launch
from gen_jax.audit import ledger
from gen_jax.audit import run as audits
from gen_jax.audit.findings import FAIL
from gen_jax.train.progress import Progress
from tests.shrink import shrink

ROOT = Path(__file__).parents[2]
CONFIG = f"--config={ROOT / 'configs' / 'gan_ring.py'}"
FEW = {"discrimination": evals.EVALS["discrimination"]}


def small(config):
    config = shrink(config, 4)
    config.data.update(name="ring", image_size=0)
    config.update(sample_every=0, eval_every=0, checkpoint_every=2, ledger_every=1)
    return config


@pytest.fixture(autouse=True)
def _little(monkeypatch):
    load = configs.load
    monkeypatch.setattr(configs, "load", lambda path: small(load(path)))
    monkeypatch.setattr(evals, "EVALS", FEW)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The workdir of a run of four steps."""
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    with pytest.MonkeyPatch.context() as patch:
        load = configs.load
        patch.setattr(configs, "load", lambda path: small(load(path)))
        patch.setattr(evals, "EVALS", FEW)
        assert launch.main([CONFIG, f"--workdir={workdir}"]) == 0
    return workdir


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


def train(workdir, steps, *options):
    return launch.main([f"--workdir={workdir}", f"--config.num_steps={steps}", *options])


def stopped(monkeypatch, argv, at):
    """Trains, and is sent SIGTERM after so many steps."""
    advance, count = Progress.advance, []

    def signalled(self):
        advance(self)
        count.append(1)
        if len(count) == at:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", signalled)
        return launch.main(argv)


def audited(workdir, *flags):
    job = launch.parse([f"--workdir={workdir}", "--mode=audit", *flags])
    found = list(audits.audit(job))
    assert [each.text for each in found if each.verdict == FAIL] == []
    return {each.check: each.text for each in found}


def test_one_that_went_on_without_a_ledger_for_a_while(run):
    assert train(run, 6, "--config.ledger_every=0") == 0
    during = audited(run)
    assert during["checkpoints"].startswith("steps 4: ")
    assert during["replay"] == "steps 0 to 4 again: the same bits at 4 lines"
    assert train(run, 8, "--config.ledger_every=1") == 0
    after = audited(run)
    assert "nothing is known of steps 4 to 6" in after["ledger"]
    assert after["replay"] == "steps 0 to 8 again: the same bits at 7 lines"


def test_one_whose_ledger_began_late(run):
    (run / ledger.FILE).unlink()
    assert train(run, 8) == 0
    found = audited(run)
    assert "nothing is known of steps 0 to 4" in found["ledger"]
    # Its first line's checkpoint has been replaced by newer ones.
    assert found["replay"] == "steps 6 to 8 again: the same bits at 2 lines"


def test_one_that_was_stopped_at_an_odd_step_and_never_evaluated_since(run, monkeypatch):
    assert stopped(monkeypatch, [f"--workdir={run}", "--config.num_steps=12"], at=1) == 143
    found = audited(run)
    assert "12 steps were asked for" in found["ledger"]
    assert found["evals"] == "discrimination: the same numbers again"  # of step 4
    assert stopped(monkeypatch, [f"--workdir={run}"], at=1) == 143
    found = audited(run)
    assert found["evals"].startswith("not compared: they are of step 4, of which there is no")
    assert train(run, 12) == 0
    assert audited(run)["replay"] == "steps 0 to 12 again: the same bits at 12 lines"


def test_one_that_was_stopped_before_its_first_evaluation(tmp_path, monkeypatch):
    argv = [CONFIG, f"--workdir={tmp_path / 'run'}"]
    assert stopped(monkeypatch, argv, at=1) == 143
    assert audited(tmp_path / "run")["evals"] == "there are none to compare"


def test_one_whose_finished_training_was_given_another_config(run):
    option = "--config.generator.lr=0.5"
    assert train(run, 4, option, "--config.resume.config=record") == 0
    assert "generator.lr" in audited(run)["config"]
    # The permission was that command's alone.
    assert train(run, 4, "--config.generator.lr=0.7") == 2
    assert launch.main([f"--workdir={run}", "--mode=evaluate", "--config.z_dim=3"]) == 2
