"""Several seeds trained together: each is the run it would have been alone."""

import json
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest

from gen_jax import config as configs
from gen_jax import data, launch
from gen_jax.core import keys, parallel
from gen_jax.core.digest import by_path, digest
from gen_jax.data.batches import Batches
from gen_jax.families import FAMILIES
from gen_jax.train import calls, fits, resident, steps
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.progress import Progress
from tests.shrink import only_train

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (7, 8)
TOGETHER = ("--config.seed=7", "--config.num_seeds=2")
SMALL = (
    "--config.num_steps=6",
    "--config.checkpoint_every=2",
    "--config.log_every=2",
    "--config.ledger_every=2",
    "--config.eval_every=0",
    "--config.sample_every=0",
    "--config.batch_size=16",
    "--config.data.image_size=8",
    "--config.data.num_train=50",
    "--config.data.num_test=20",
    "--config.encoder.widths=(4,6)",
    "--config.encoder.hidden=8",
    "--config.generator.widths=(6,4)",
    "--config.discriminator.widths=(4,6)",
    "--config.discriminator.hidden=8",
    "--config.z_dim=4",
    "--config.label_dim=4",
    "--config.eval.examples=16",
    "--config.eval.samples=16",
    "--config.eval.probe_examples=0",
    "--config.eval.projection=0",
    "--config.eval.disentanglement=False",
)


def run(workdir, *extra):
    config = f"--config={ROOT / 'configs' / 'cvae_gan_shapes.py'}"
    return launch.main([config, f"--workdir={workdir}", *SMALL, *extra])


@pytest.fixture
def training_alone(monkeypatch):
    only_train(monkeypatch)


def end(workdir):
    """Digests of the newest checkpoint and of the ledger's lines about steps; losses."""
    ledger = (workdir / "audit" / "ledger.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in ledger]
    states = {line["step"]: line["state"] for line in lines if "state" in line}
    logged = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    losses = [{k: v for k, v in line.items() if "loss" in k} for line in logged]
    with Checkpoints(workdir / "checkpoints", read_only=True) as saved:
        return saved.latest_step(), states, losses


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Runs of each seed for itself, not evaluated."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        only_train(patch)
        for seed in SEEDS:
            assert run(folder / f"seed{seed}", f"--config.seed={seed}") == 0
    return folder


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    assert run(folder, *TOGETHER) == 0
    return folder


@pytest.mark.parametrize("seed", SEEDS)
def test_each_is_the_run_alone_bit_for_bit(alone, together, seed):
    assert end(together / f"seed{seed}") == end(alone / f"seed{seed}")


def test_each_has_a_report_and_the_evaluations_of_a_run_alone(alone, together, tmp_path):
    shutil.copytree(alone / "seed7", tmp_path / "seed7")
    assert run(tmp_path / "seed7", "--config.seed=7") == 0  # trained already
    theirs = {path.name: path.read_bytes() for path in (tmp_path / "seed7").glob("evals/*.json")}
    for seed in SEEDS:
        ours = together / f"seed{seed}"
        evals = {path.name: path.read_bytes() for path in ours.glob("evals/*.json")}
        assert evals.keys() == theirs.keys() != set()
        assert (evals == theirs) == (seed == 7)
        assert (ours / "report.html").is_file()
        assert json.loads((ours / "config.json").read_text())["config"]["seed"] == seed


@pytest.mark.usefixtures("training_alone")
def test_runs_of_several_seeds_go_on_from_a_step_they_have_in_common(alone, together, tmp_path):
    shutil.copytree(together, tmp_path / "half")
    # As if it was killed between two runs' checkpoints.
    shutil.rmtree(tmp_path / "half" / "seed8" / "checkpoints" / "6")
    assert run(tmp_path / "half", *TOGETHER) == 0
    for seed in SEEDS:
        latest, states, _ = end(tmp_path / "half" / f"seed{seed}")
        assert (latest, states[6]) == (6, end(alone / f"seed{seed}")[1][6])


@pytest.mark.usefixtures("training_alone")
def test_an_interrupt_after_going_back_saves_every_run(together, alone, tmp_path, monkeypatch):
    """Those ahead would else keep a checkpoint that blocks the next save."""
    shutil.copytree(together, tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "seed8" / "checkpoints" / "6")
    advance, count = Progress.advance, []

    def signalled(self):
        advance(self)
        count.append(1)
        if len(count) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", signalled)
        assert run(tmp_path / "half", *TOGETHER) == 143
    for seed in SEEDS:
        assert end(tmp_path / "half" / f"seed{seed}")[0] == 5
    assert (tmp_path / "half" / "seed7" / "checkpoints" / "later-6").is_dir()
    assert run(tmp_path / "half", *TOGETHER) == 0
    for seed in SEEDS:
        latest, states, _ = end(tmp_path / "half" / f"seed{seed}")
        assert (latest, states[6]) == (6, end(alone / f"seed{seed}")[1][6])


@pytest.mark.usefixtures("training_alone")
def test_a_damaged_checkpoint_of_one_takes_all_back_to_the_one_before(together, alone, tmp_path):
    shutil.copytree(together, tmp_path / "half")
    for file in (tmp_path / "half" / "seed8" / "checkpoints" / "6").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    assert run(tmp_path / "half", *TOGETHER) == 0
    assert end(tmp_path / "half" / "seed8")[1][6] == end(alone / "seed8")[1][6]


def test_one_checkpoint_each_is_too_few(capsys, tmp_path):
    assert run(tmp_path, "--config.num_seeds=2", "--config.keep_checkpoints=1") == 2
    assert "which takes two" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("training_alone")
def test_killed_as_the_first_of_them_saved_all_begin_again(together, alone, tmp_path):
    shutil.copytree(together, tmp_path / "half")
    for seed in SEEDS:
        for saved in (tmp_path / "half" / f"seed{seed}" / "checkpoints").iterdir():
            if saved.name.isdigit() and (seed, saved.name) != (7, "4"):
                shutil.rmtree(saved)
    assert run(tmp_path / "half", *TOGETHER) == 0
    assert (tmp_path / "half" / "seed7" / "checkpoints" / "later-4").is_dir()
    for seed in SEEDS:
        latest, states, _ = end(tmp_path / "half" / f"seed{seed}")
        assert (latest, states[6]) == (6, end(alone / f"seed{seed}")[1][6])


def test_without_such_a_step_nothing_is_trained(together, tmp_path, capsys):
    shutil.copytree(together, tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "seed8")
    assert run(tmp_path / "half", *TOGETHER) == 2
    assert "none is of the same step" in capsys.readouterr().err


@pytest.mark.usefixtures("training_alone")
def test_one_of_them_goes_on_alone(together, tmp_path):
    shutil.copytree(together / "seed8", tmp_path / "seed8")
    arguments = [f"--workdir={tmp_path / 'seed8'}", "--config.num_steps=8"]
    assert launch.main(arguments) == 0
    assert end(tmp_path / "seed8")[0] == 8


def test_an_audit_of_every_seed(together, capsys):
    arguments = [f"--config={ROOT / 'configs' / 'cvae_gan_shapes.py'}", f"--workdir={together}"]
    assert launch.main([*arguments, *SMALL, *TOGETHER, "--mode=audit", "--span=0:2"]) == 0


@pytest.mark.parametrize(("devices", "several"), [(1, False), (4, False), (4, True)])
def test_stacked_in_one_program_each_is_the_run_alone_to_rounding(devices, several, monkeypatch):
    monkeypatch.setattr(parallel.jax, "local_device_count", lambda: devices, raising=True)
    overrides = [each.removeprefix("--config.") for each in SMALL]
    base = configs.override(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"), overrides)
    split = data.load(base.data, "train")
    settings = []
    for seed in (7, 8):
        config = base.copy_and_resolve_references()
        config.seed = seed
        settings.append(config)
    family = FAMILIES[base.family](base, split.spec)
    ends = {}
    for at_once in (True, False):
        # At once also two steps a call, of images on the devices.
        called = at_once and several
        store = resident.store(split) if called else None
        program = steps.Together(family, settings, at_once=at_once, store=store)
        init = [jax.jit(family.init)(keys.stream(c.seed, "init")) for c in settings]
        state = program.join(init)
        streams = [Batches(split, c.batch_size, c.seed, True) for c in settings]
        if called:
            picked = [[resident.picks(each, step) for step in range(2)] for each in streams]
            state, metrics = program(state, [calls.stacked(each) for each in picked])
            metrics = [{name: value[:, -1] for name, value in each.items()} for each in metrics]
        for step in range(0 if called else 2):
            batches = [each.batch(step) for each in streams]
            state, metrics = program(state, [parallel.shard(b, axis=1) for b in batches])
        picked = [parallel.unreplicate(program.pick(state, k)) for k in range(2)]
        ends[at_once] = list(zip(jax.device_get(picked), jax.device_get(metrics), strict=True))
    for (ours, said), (theirs, other) in zip(ends[True], ends[False], strict=True):
        assert int(ours.step) == int(theirs.step) == 2
        for name in other:
            np.testing.assert_allclose(said[name][0], other[name][0], rtol=2e-3, err_msg=name)
        leaves = zip(by_path(ours.params).items(), by_path(theirs.params).values(), strict=True)
        for (path, a), b in leaves:
            # A bias before BatchNorm has no gradient but rounding, which Adam takes the sign of.
            if "kernel" in path:
                assert np.mean(np.abs(a - b)) < 2e-5, path
    assert digest(ends[True][0][0].params) != digest(ends[True][1][0].params)


def test_more_runs_than_memory_holds_are_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(fits, "_memory", lambda: 10**6)
    assert run(tmp_path, "--config.num_seeds=500") == 2
    assert "of memory there is; use at most" in capsys.readouterr().err


def test_a_run_of_one_seed_is_no_folder_of_seeds(alone, capsys):
    assert run(alone / "seed7", "--config.num_seeds=2") == 2
    assert "holds the run of one seed" in capsys.readouterr().err


def test_there_is_at_least_one_seed(capsys, tmp_path):
    assert run(tmp_path, "--config.num_seeds=0") == 2
    assert "num_seeds=0: must be positive" in capsys.readouterr().err
