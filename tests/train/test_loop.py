"""A run is a function of its config: interrupted, crashed, resumed or not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from gen_jax import config as configs
from gen_jax import data
from gen_jax.core.digest import digest
from gen_jax.errors import UserError
from gen_jax.families import FAMILIES
from gen_jax.train import loop, records, steps, window
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.interrupt import Interrupted
from gen_jax.train.progress import Progress
from tests.shrink import shrink

ROOT = Path(__file__).parents[2]
STEPS = 13
OF_THE_MACHINE = {"wall", "images_per_second", "memory/host", "memory/device"}
loop_hooks = sys.modules[__name__]
HOOKS = loop.Hooks(lambda state, step: None, lambda state, step: {"mse": 1.0 / step})


def small(**changes):
    """The shapes config, small, with a moving average and flips so that they resume too."""
    config = shrink(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"), STEPS)
    config.update(checkpoint_every=4, eval_every=4, ema_decay=0.9, **changes)
    config.data.flip = True
    return config


def run(workdir, config):
    """Trains in `workdir` as the launcher does; returns the final state."""
    split = data.load(config.data, "train")
    family = FAMILIES[config.family](config, split.spec)
    workdir.mkdir(exist_ok=True)
    with Checkpoints(workdir / "checkpoints", best_metric="mse") as checkpoints:
        return loop.train(family, split, [loop.Run(config, workdir, checkpoints, HOOKS)])[0]


def steps_logged(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if line["kind"] == "train"], lines


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """An uninterrupted run: its workdir and the digest of its final state."""
    workdir = tmp_path_factory.mktemp("straight")
    return workdir, digest(run(workdir, small()))


ANYWHERE = int(np.random.default_rng().integers(2, STEPS - 1))


@pytest.mark.parametrize(
    ("stop", "number"),
    [
        (1, signal.SIGTERM),
        pytest.param(ANYWHERE, signal.SIGINT, id="anywhere"),  # every process draws its own
        (12, signal.SIGTERM),
    ],
)
def test_a_run_stopped_by_a_signal_resumes_to_the_same_bits(
    straight, tmp_path, monkeypatch, stop, number
):
    advance, count = Progress.advance, []

    def signalled(self):
        advance(self)
        count.append(1)
        if len(count) == stop:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Progress, "advance", signalled)
    with pytest.raises(Interrupted) as stopped:
        run(tmp_path, small())
    assert stopped.value.code == 128 + number
    assert stop <= stopped.value.step < STEPS
    assert digest(run(tmp_path, small())) == straight[1]
    assert steps_logged(tmp_path)[0] == list(range(1, STEPS + 1))


def test_a_signal_during_an_evaluation_loses_nothing(straight, tmp_path, monkeypatch):
    def evaluate(state, step):
        if step == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"mse": 1.0 / step}

    with monkeypatch.context() as patch:
        patch.setattr(loop_hooks, "HOOKS", HOOKS._replace(evaluate=evaluate))
        with pytest.raises(Interrupted) as stopped:
            run(tmp_path, small())
    with Checkpoints(tmp_path / "checkpoints", read_only=True) as checkpoints:
        assert checkpoints.latest_step() == stopped.value.step
    assert digest(run(tmp_path, small())) == straight[1]


def test_parameters_that_are_not_finite_are_not_saved(tmp_path, monkeypatch):
    make_step = steps.Step

    def spoiled(family, config):
        step = make_step(family, config)

        def spoil(state, batch, *rest):
            state, metrics = step(state, batch, *rest)
            if int(state.step[0]) == 8:
                state = state._replace(params=jax.tree.map(lambda p: p * np.nan, state.params))
            return state, metrics

        return spoil

    monkeypatch.setattr(steps, "Step", spoiled)
    with pytest.raises(UserError, match="not finite at step 8; last checkpoint: step 4"):
        run(tmp_path, small())


def test_a_run_that_crashed_resumes_from_its_last_checkpoint_to_the_same_bits(
    straight, tmp_path, monkeypatch
):
    def crash(self):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 7:
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", crash)
        with pytest.raises(MemoryError):
            run(tmp_path, small())
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "wall"')  # a line cut short by the crash
    assert digest(run(tmp_path, small())) == straight[1]
    assert steps_logged(tmp_path)[0] == list(range(1, STEPS + 1))


def test_a_finished_run_has_nothing_left_to_do(straight):
    workdir, final = straight
    before = (workdir / "metrics.jsonl").read_bytes()
    assert digest(run(workdir, small())) == final
    assert (workdir / "metrics.jsonl").read_bytes() == before


def test_a_longer_run_goes_on_from_a_finished_one(straight, tmp_path):
    run(tmp_path, small(num_steps=5))
    assert digest(run(tmp_path, small())) == straight[1]


@pytest.mark.parametrize("objective", ["iwae", "factor"])
def test_a_vae_stopped_half_way_resumes_to_the_same_bits(tmp_path, objective):
    config = shrink(configs.load(ROOT / "configs" / "vae_mnist.py"), 6)
    config.encoder.dropout = config.generator.dropout = 0.2
    options = {"iwae": {"num_samples": 2}, "factor": {"gamma": 3.0}}
    config.loss.update(objective=objective, **options[objective])
    straight = digest(run(tmp_path / "straight", config))
    config.num_steps = 3
    run(tmp_path / "stopped", config)
    config.num_steps = 6
    assert digest(run(tmp_path / "stopped", config)) == straight


def test_diagnostics_join_every_line_and_are_the_same_after_a_stop(tmp_path, monkeypatch):
    def diagnose(state, step):
        assert int(state.step) == step
        weight = jax.tree.leaves(state.params["generator"])[0]
        return {"seen/weight": float(weight.ravel()[0]), "seen/step": float(step)}

    monkeypatch.setattr(loop_hooks, "HOOKS", HOOKS._replace(diagnose=diagnose))
    logged = []
    for workdir, stops in (("straight", [STEPS]), ("stopped", [7, 8, 10, 11, STEPS])):
        for stop in stops:
            run(tmp_path / workdir, small(num_steps=stop, log_every=3))
        lines = records.read(tmp_path / workdir)
        logged.append({line["step"]: line for line in lines if line["kind"] == "train"})
    straight, stopped = logged
    # Of a checkpoint, every four steps, there is a line as well.
    assert list(straight) == list(stopped) == [3, 4, 6, 8, 9, 12, 13]
    for step, line in straight.items():
        assert line["seen/step"] == step
        assert "mse" in line
        same = line.keys() - OF_THE_MACHINE
        assert {name: line[name] for name in same} == {name: stopped[step][name] for name in same}


def test_a_line_that_a_stop_broke_off_stays_until_the_run_goes_on(tmp_path):
    run(tmp_path, small(num_steps=7, log_every=3))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    assert [line["step"] for line in steps_logged(tmp_path)[1] if line["kind"] == "train"][-1] == 7
    run(tmp_path, small(num_steps=7, log_every=3))
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    # Metrics of another step are not these: as after a crash, when an earlier one is resumed.
    assert [set(each) for each in window.read(tmp_path, 7)]
    assert window.read(tmp_path, 4) == []
    (tmp_path / window.FILE).write_text("{")
    assert window.read(tmp_path, 7) == []


def test_a_diagnostic_that_is_not_finite_stops_the_run(tmp_path, monkeypatch):
    spoiled = HOOKS._replace(diagnose=lambda state, step: {"seen/far": float("nan")})
    monkeypatch.setattr(loop_hooks, "HOOKS", spoiled)
    with pytest.raises(UserError, match="diverged: seen/far not finite"):
        run(tmp_path, small())


def test_chosen_epochs_are_evaluated_beside_every_so_many_steps(tmp_path):
    config = small(eval_epochs=(0.5, 2.0, 99.0))  # four steps an epoch
    config.update(eval_every=5)
    run(tmp_path, config)
    _, lines = steps_logged(tmp_path)
    assert [line["step"] for line in lines if line["kind"] == "eval"] == [2, 5, 8, 10]


def test_another_seed_is_another_run(straight, tmp_path):
    assert digest(run(tmp_path, small(seed=1))) != straight[1]


def test_one_device_and_eight_see_the_same_losses(straight, tmp_path):
    assert jax.device_count() == 8
    script = (
        "import sys; from pathlib import Path; from tests.train.test_loop import run, small;"
        "run(Path(sys.argv[1]), small())"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment["XLA_FLAGS"] = environment["XLA_FLAGS"].replace("device_count=8", "device_count=1")
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=environment, check=True, cwd=ROOT
    )
    ours, theirs = steps_logged(straight[0])[1], steps_logged(tmp_path)[1]
    compared = 0
    for eight, one in zip(ours, theirs, strict=True):
        assert eight.keys() == one.keys()
        for name in eight.keys() - OF_THE_MACHINE:
            # Adam divides by the root of a tiny second moment at first, so rounding grows a little.
            tolerance = (
                {"rtol": 2e-3, "atol": 2e-4} if one["step"] > 3 else {"rtol": 1e-4, "atol": 1e-5}
            )
            if not isinstance(eight[name], str):
                np.testing.assert_allclose(eight[name], one[name], **tolerance, err_msg=name)
                compared += 1
    assert compared > 100


def test_norms_of_gradients_keep_their_peaks_and_images_of_all_draws_count(tmp_path, monkeypatch):
    config = shrink(configs.load(ROOT / "configs" / "gan_ring.py"), 5)
    config.update(log_every=3, n_critic=2)
    make_step, seen = steps.Step, []

    def leaping(family, config):
        step = make_step(family, config)

        def leap(state, batch, *rest):
            state, metrics = step(state, batch, *rest)
            norm = (0.0, 2.0, 9.0, 1.0, 5.0, 4.0)[int(state.step[0])]
            made_up = np.full(jax.device_count(), norm, np.float32)
            return state, metrics | {"grad/made_up": made_up, "other/made_up": made_up}

        return leap

    class Counting(Progress):
        def __init__(self, start, stop, images, name):
            seen.append((start, stop, images))
            super().__init__(start, stop, images, name)

    monkeypatch.setattr(steps, "Step", leaping)
    monkeypatch.setattr(loop, "Progress", Counting)
    run(tmp_path, config)
    lines = [line for line in records.read(tmp_path) if line["kind"] == "train"]
    assert [line["step"] for line in lines] == [3, 5]
    assert [line["grad/made_up_max"] for line in lines] == [9, 5]
    assert [line["grad/made_up"] for line in lines] == [4, 4.5]
    for line in lines:
        peaks = {name for name in line if name.endswith("_max")}
        assert peaks == {f"grad/{of}_max" for of in ("generator", "discriminator", "made_up")}
        assert all(line[peak] >= line[peak.removesuffix("_max")] for peak in peaks)
    assert seen == [(0, 5, 2 * config.batch_size)]


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    config = small()
    config.loss.beta = float("inf")
    with pytest.raises(UserError, match=r"diverged: .*loss/kl.*last checkpoint: step None"):
        run(tmp_path, config)


@pytest.mark.parametrize(("steps", "epochs"), [(0, 1.0), (None, 0.0)])
def test_no_steps_is_an_error(steps, epochs):
    config = small(num_epochs=epochs)
    config.num_steps = steps
    with pytest.raises(UserError, match="nothing to train"):
        loop.total_steps(config, data.load(config.data, "train"), 1)


def test_a_clock_that_goes_backwards_changes_nothing_but_what_it_says(
    straight, tmp_path, monkeypatch
):
    now = iter(range(10**6, 0, -1000))
    monkeypatch.setattr(records.time, "time", lambda: float(next(now)))
    run(tmp_path, small(num_steps=7))
    assert digest(run(tmp_path, small())) == straight[1]
    steps, lines = steps_logged(tmp_path)
    assert steps == list(range(1, STEPS + 1))
    assert [line["wall"] for line in lines] == sorted((x["wall"] for x in lines), reverse=True)
