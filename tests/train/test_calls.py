"""Steps given several at a time, images kept on the devices: the same training."""

import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax import config as configs
from gen_jax import data, launch
from gen_jax.audit import circumstances, ledger
from gen_jax.core import parallel
from gen_jax.core.digest import digest
from gen_jax.data.batches import Batches
from gen_jax.errors import UserError
from gen_jax.train import calls, resident
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.progress import Progress
from tests.shrink import only_train
from tests.train.test_seeds import ROOT, SMALL

STEPS = (
    "--config.num_steps=17",
    "--config.eval_epochs=(2.0,)",
    "--config.checkpoint_every=16",
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


@pytest.fixture(autouse=True)
def _training_alone(monkeypatch):
    only_train(monkeypatch)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Runs of one step a call, and of three."""
    folder = tmp_path_factory.mktemp("calls")
    with pytest.MonkeyPatch.context() as patch:
        only_train(patch)
        assert run(folder / "one", "--config.steps_per_call=1") == 0
        assert run(folder / "three", "--config.steps_per_call=3") == 0
    return folder


@given(
    st.integers(0, 40),
    st.integers(1, 40),
    st.integers(1, 12),
    st.frozensets(st.integers(0, 90)),
    st.integers(0, 20),
)
def test_calls_are_all_steps_in_order_and_the_same_from_any_end(
    start, count, per_call, cuts, saves
):
    stop = start + count
    found = list(calls.spans(start, stop, per_call, cuts, saves))
    assert [step for call in found for step in call] == list(range(start, stop))
    assert all(1 <= len(call) <= per_call for call in found)
    steps = range(start + 1, stop + 1)
    ends = {step for step in steps if step % per_call == 0 or step in cuts or step == stop}
    ends |= {step for step in steps if saves and step % saves in (0, 1 % saves, 2 % saves)}
    assert {call.stop for call in found} == ends
    for later in found:
        rest = [call for call in found if call.start >= later.start]
        assert list(calls.spans(later.start, stop, per_call, cuts, saves)) == rest


def test_several_steps_a_call_train_on_the_same_batches_to_rounding(straight):
    _, one, logged_one = end(straight / "one")
    _, three, logged = end(straight / "three")
    # Epochs of 50 images in batches of 16: two are over after 7 steps.
    # The checkpoint of step 16 ends a call, as do the two steps after it and after the start.
    assert sorted(three) == [0, 1, 2, 3, 6, 7, 9, 12, 15, 16, 17]
    assert all(three[step] == one[step] for step in three if step in one)
    assert sorted(logged) == [2, 6, 7, 9, 12, 15, 16, 17]
    with Checkpoints(straight / "three" / "checkpoints", read_only=True) as saved:
        assert saved.latest_step() == 17
    # The mean over steps 3 to 6 is that of the means over 3 and 4, and over 5 and 6.
    for name in ("mse", "loss/kl"):
        mean = (logged_one[4][name] + logged_one[6][name]) / 2
        np.testing.assert_allclose(logged[6][name], mean, rtol=1e-2, err_msg=name)


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


def test_images_on_the_devices_give_the_same_bits_also_of_several_seeds(straight, tmp_path):
    seeds = ("--config.num_seeds=2", "--config.seed=42", "--config.steps_per_call=3")
    assert run(tmp_path / "run", *seeds, "--config.data.resident=always") == 0
    state, seen, _ = end(tmp_path / "run" / "seed42")
    wanted = end(straight / "three")
    assert seen == wanted[1]
    assert state == wanted[0]


@pytest.mark.parametrize("devices", [1, 4])
def test_a_device_gathers_the_very_bytes_of_the_batch(devices, monkeypatch):
    monkeypatch.setattr(parallel.jax, "local_device_count", lambda: devices)
    overrides = [each.removeprefix("--config.") for each in SMALL]
    config = configs.override(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"), overrides)
    split = data.load(config.data, "train")
    batches = Batches(split, 16, seed=3, flip=True, draws=2)
    gather = parallel.pmap(resident.gathered)
    store = resident.store(split)
    for step in (0, 3):
        found = gather(store, parallel.shard(resident.picks(batches, step), axis=1))
        wanted = parallel.shard(batches.batch(step), axis=1)
        assert digest(jax.device_get(found)) == digest(wanted)


def test_what_cannot_be_resident_is_sent_or_refused():
    overrides = [each.removeprefix("--config.") for each in SMALL]
    config = configs.override(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"), overrides)
    split = data.load(config.data, "train")
    assert resident.wanted(split, "always")
    assert not resident.wanted(split, "auto")  # a CPU
    assert not resident.wanted(split, "never")
    config.data.train_classes = ("0", "1")
    subset = data.load(config.data, "train")
    assert not resident.wanted(subset, "auto")
    with pytest.raises(UserError, match="not in memory image by image"):
        resident.wanted(subset, "always")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("data.resident=often", "data.resident='often': must be one of 'auto', 'always'"),
        ("steps_per_call=1001", "steps_per_call=1001: at most 1000"),
        ("steps_per_call=-1", "steps_per_call=-1: must not be negative"),
        ("precision=half", "precision='half' is not known"),
    ],
)
def test_a_mistaken_value_is_one_line(key, said, tmp_path, capsys):
    assert run(tmp_path / "run", f"--config.{key}") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_points_are_not_trained_in_bfloat16(tmp_path, capsys):
    argv = [f"--config={ROOT / 'configs' / 'gan_ring.py'}", f"--workdir={tmp_path / 'run'}"]
    assert launch.main([*argv, "--config.precision=bfloat16"]) == 2
    assert "ring has points in the plane" in capsys.readouterr().err


def test_an_audit_elsewhere_holds_the_first_steps_of_calls_to_rounding(
    straight, tmp_path, monkeypatch, capsys
):
    shutil.copytree(straight / "three", tmp_path / "run")
    changed = {"device_kind": "'H' -> 'cpu'"}
    monkeypatch.setattr(circumstances, "environment_now", lambda begun: changed)
    launch.main([f"--workdir={tmp_path / 'run'}", "--mode=audit"])
    said = capsys.readouterr().out
    assert "within rounding: losses of the first steps to 0 of themselves" in said
    assert "two steps from checkpoints" in said
    assert "16: within rounding" in said


def test_a_cpu_is_given_one_step_at_a_time_unless_asked():
    config = configs.load(ROOT / "configs" / "cvae_gan_shapes.py")
    assert calls.steps_per_call(config) == 1
    config.steps_per_call = 4
    assert calls.steps_per_call(config) == 4
