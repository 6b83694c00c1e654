"""Steps given several at a time, images kept on the devices: the same training."""

import json
import os
import signal

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax import config as configs
from gen_jax import data, launch
from gen_jax.audit import ledger
from gen_jax.core import parallel
from gen_jax.core.digest import digest
from gen_jax.data.batches import Batches
from gen_jax.errors import UserError
from gen_jax.train import calls, resident
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.progress import Progress
from tests.train.test_seeds import ROOT, SMALL

STEPS = (
    "--config.num_steps=11",
    "--config.eval_every=4",
    "--config.eval_epochs=(2.0,)",
    "--config.checkpoint_every=4",
    "--config.log_every=2",
    "--config.data.flip=True",
)


def run(workdir, *extra):
    config = f"--config={ROOT / 'configs' / 'cvae_gan_shapes.py'}"
    return launch.main([config, f"--workdir={workdir}", *SMALL, *STEPS, *extra])


def end(workdir):
    """(digest of the last state, ledger's steps and batches, metrics by step)."""
    lines = [line for line in ledger.read(workdir).lines if line["kind"] == "step"]
    seen = {
        line["step"]: (line["indices"], line.get("content"), line.get("keys")) for line in lines
    }
    logged = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    train = {line["step"]: line for line in logged if line["kind"] == "train"}
    return lines[-1]["state"], seen, train


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Runs of one step a call, and of three."""
    folder = tmp_path_factory.mktemp("calls")
    assert run(folder / "one", "--config.steps_per_call=1") == 0
    assert run(folder / "three", "--config.steps_per_call=3") == 0
    return folder


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 12), st.sets(st.integers(0, 90)))
def test_calls_are_all_steps_in_order_and_the_same_from_any_end(start, count, per_call, cuts):
    found = list(calls.spans(start, start + count, per_call, frozenset(cuts)))
    assert [step for call in found for step in call] == list(range(start, start + count))
    assert all(1 <= len(call) <= per_call for call in found)
    for later in found:
        rest = [call for call in found if call.start >= later.start]
        assert list(calls.spans(later.start, start + count, per_call, frozenset(cuts))) == rest
        assert later.stop % per_call == 0 or later.stop in {*cuts, start + count}


def test_several_steps_a_call_train_on_the_same_batches_to_rounding(straight):
    _, one, logged_one = end(straight / "one")
    _, three, logged = end(straight / "three")
    # Epochs of 50 images in batches of 16: two are over after 7 steps.
    assert sorted(three) == [0, 3, 6, 7, 9, 11]
    assert all(three[step] == one[step] for step in three if step in one)
    assert sorted(logged) == [3, 6, 7, 9, 11]
    with Checkpoints(straight / "three" / "checkpoints", read_only=True) as saved:
        assert saved.latest_step() == 11
    # Means over the first three steps against those over two and four: near, and of this run.
    for name in ("mse", "loss/kl"):
        near = [logged_one[2][name], logged_one[4][name]]
        assert 0.8 * min(near) <= logged[3][name] <= 1.2 * max(near)


def test_the_losses_of_a_call_are_those_of_its_steps(straight):
    first, last = (ledger.read(straight / name).steps() for name in ("one", "three"))
    for name, value in last[6]["metrics"].items():
        np.testing.assert_allclose(value, first[6]["metrics"][name], rtol=0.02, atol=1e-4)


def test_a_run_interrupted_within_a_call_resumes_to_the_same_bits(straight, tmp_path, monkeypatch):
    advance, count = Progress.advance, []

    def signalled(self):
        advance(self)
        count.append(1)
        if len(count) == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", signalled)
        assert run(tmp_path / "run", "--config.steps_per_call=3") == 128 + signal.SIGTERM
    with Checkpoints(tmp_path / "run" / "checkpoints", read_only=True) as saved:
        assert saved.latest_step() == 6
    assert run(tmp_path / "run", "--config.steps_per_call=3") == 0
    assert end(tmp_path / "run")[0] == end(straight / "three")[0]


def test_an_audit_trains_as_the_run_was_trained(straight, capsys):
    arguments = [f"--workdir={straight / 'three'}", "--mode=audit"]
    assert launch.main(arguments) == 0
    assert "the same bits" in capsys.readouterr().out


@pytest.mark.parametrize("per_call", [1, 3])
def test_images_on_the_devices_give_the_same_bits(straight, tmp_path, per_call):
    keys = (f"--config.steps_per_call={per_call}", "--config.data.resident=always")
    assert run(tmp_path / "run", *keys) == 0
    state, seen, _ = end(tmp_path / "run")
    wanted = end(straight / {1: "one", 3: "three"}[per_call])
    assert seen == wanted[1]
    assert state == wanted[0]


def test_seeds_together_take_several_steps_a_call_too(straight, tmp_path):
    seeds = ("--config.num_seeds=2", "--config.seed=42", "--config.steps_per_call=3")
    assert run(tmp_path / "run", *seeds, "--config.data.resident=always") == 0
    assert end(tmp_path / "run" / "seed42")[0] == end(straight / "three")[0]


@pytest.mark.parametrize("devices", [1, 4])
def test_a_device_gathers_the_very_bytes_of_the_batch(devices, monkeypatch):
    monkeypatch.setattr(parallel.jax, "local_device_count", lambda: devices)
    overrides = [each.removeprefix("--config.") for each in SMALL]
    config = configs.override(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"), overrides)
    split = data.load(config.data, "train")
    batches = Batches(split, 16, seed=3, flip=True, draws=2)
    gather = parallel.pmap(resident.gathered)
    store = resident.store(split, "always")
    for step in (0, 3):
        found = gather(store, parallel.shard(resident.picks(batches, step), axis=1))
        wanted = parallel.shard(batches.batch(step), axis=1)
        assert digest(jax.device_get(found)) == digest(wanted)


def test_what_cannot_be_resident_is_sent_or_refused():
    overrides = [each.removeprefix("--config.") for each in SMALL]
    config = configs.override(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"), overrides)
    split = data.load(config.data, "train")
    assert resident.store(split, "auto") == {}  # a CPU
    assert resident.store(split, "never") == {}
    with pytest.raises(UserError, match=r"data.resident='often': must be one of auto, always"):
        resident.store(split, "often")
    config.data.train_classes = ("0", "1")
    subset = data.load(config.data, "train")
    assert resident.store(subset, "auto") == {}
    with pytest.raises(UserError, match=r"leave out data\.stream"):
        resident.store(subset, "always")


def test_a_cpu_is_given_one_step_at_a_time_unless_asked():
    config = configs.load(ROOT / "configs" / "cvae_gan_shapes.py")
    assert calls.steps_per_call(config) == 1
    config.steps_per_call = 4
    assert calls.steps_per_call(config) == 4
