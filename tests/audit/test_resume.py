"""A run resumed under other circumstances: refused or recorded, as configured."""

import json
import shutil
from pathlib import Path

import pytest

from gen_jax import config as configs
from gen_jax import evals, launch
from gen_jax.audit import circumstances, ledger
from gen_jax.audit import run as audits
from tests.shrink import shrink

ROOT = Path(__file__).parents[2]
FEW = {name: evals.EVALS[name] for name in ("reconstruction", "samples")}
CONFIG = f"--config={ROOT / 'configs' / 'vae_mnist.py'}"


def small(config):
    config = shrink(config, 4)
    config.update(sample_every=0, eval_every=0, checkpoint_every=2, ledger_every=1)
    config.eval.update(disentanglement=False, probe_examples=0, pca=False, projection=0)
    config.eval.update(nll_samples=0)
    return config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The workdir of a run of four steps."""
    workdir = tmp_path_factory.mktemp("runs") / "trained"
    with pytest.MonkeyPatch.context() as patch:
        load = configs.load
        patch.setattr(configs, "load", lambda path: small(load(path)))
        patch.setattr(evals, "EVALS", FEW)
        assert launch.main([CONFIG, f"--workdir={workdir}"]) == 0
    return workdir


@pytest.fixture
def copied(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(evals, "EVALS", FEW)
    return Path(shutil.copytree(trained, tmp_path / "run"))


def goes_on(workdir, *options):
    return launch.main([f"--workdir={workdir}", "--config.num_steps=6", *options])


def verdicts(workdir):
    job = launch.parse([f"--workdir={workdir}", "--mode=audit"])
    return {each.check: (each.verdict, each.text) for each in audits.audit(job)}


def begun(workdir):
    return ledger.read(workdir).begun()


def edit_code(monkeypatch):
    other = circumstances.code() | {"losses/elbo.py": "0" * 16}
    monkeypatch.setattr(circumstances, "code", lambda: other)


def test_other_code_is_refused_where_that_is_asked_for(copied, monkeypatch, capsys):
    edit_code(monkeypatch)
    before = (copied / ledger.FILE).read_bytes()
    assert goes_on(copied, "--config.resume.code=refuse") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "trained under other circumstances so far: losses/elbo.py changed" in error
    assert "--config.resume.code=record" in error
    assert (copied / ledger.FILE).read_bytes() == before


def test_other_code_is_recorded_otherwise_and_the_audit_says_when(copied, monkeypatch):
    with monkeypatch.context() as patch:
        edit_code(patch)
        assert goes_on(copied) == 0
        assert [line["code"]["losses/elbo.py"] == "0" * 16 for line in begun(copied)] == [0, 1]
    found = verdicts(copied)
    assert found["code"][0] == "remark"
    assert found["replay"] == ("pass", "steps 0 to 6 again: the same bits at 6 lines")


def test_another_config_is_refused_unless_it_is_to_be_recorded(copied, capsys):
    assert goes_on(copied, "--config.loss.beta=2.0") == 2
    assert "loss.beta" in capsys.readouterr().err
    assert goes_on(copied, "--config.loss.beta=2.0", "--config.resume.config=record") == 0
    assert json.loads((copied / "config.json").read_text())["earlier"] == [{"loss.beta": 1.0}]
    assert [line["config"]["loss"]["beta"] for line in begun(copied)] == [1.0, 2.0]
    found = verdicts(copied)
    assert found["config"] == (
        "remark",
        "changed on resuming, as recorded: loss.beta 1.0 -> 2.0 at step 4",
    )
    # Each stretch under the config it was trained with.
    assert found["replay"] == ("pass", "steps 4 to 6 again: the same bits at 2 lines")
    assert {verdict for verdict, _ in found.values()} == {"pass", "remark"}


def test_a_word_that_is_neither_is_refused(copied, capsys):
    assert goes_on(copied, "--config.resume.code=perhaps") == 2
    assert "must be 'refuse' or 'record'" in capsys.readouterr().err
