"""A loss or a gradient that is not finite stops the run at that step, and can be replayed."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import config as configs
from gen_jax import data, launch
from gen_jax.data.batches import Batches
from gen_jax.errors import UserError
from gen_jax.train import divergence, steps
from tests.shrink import shrink

ROOT = Path(__file__).parents[2]


def test_the_flag_is_of_all_metrics():
    good = {"loss/a": jnp.float32(1), "grad/b": jnp.float32(2)}
    assert bool(divergence.flag(good)["finite"])
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        assert not bool(divergence.flag(good | {"grad/b": jnp.float32(bad)})["finite"])


def watch(tmp_path, checkpoint=None):
    config = shrink(configs.load(ROOT / "configs" / "cvae_gan_shapes.py"))
    batches = Batches(data.load(config.data, "train"), 8, seed=3, flip=True)
    return divergence.Watch(tmp_path, batches, lambda: checkpoint), batches


def metrics(value):
    return {"loss/a": np.array([value]), "finite": np.array([np.isfinite(value)])}


def test_a_watch_waits_for_no_step_and_misses_none(tmp_path):
    watching, _ = watch(tmp_path)
    assert watching.see(range(1), metrics(1.0)) == {"loss/a": np.array([1.0])}
    watching.see(range(1, 2), metrics(np.nan))
    watching.see(range(2, 3), metrics(np.nan))
    with pytest.raises(UserError, match="loss/a not finite at step 2; last checkpoint: step None"):
        watching.see(range(3, 4), metrics(np.nan))
    with pytest.raises(UserError, match="at step 3"):
        watching.settle()


def test_a_watch_finds_the_step_within_a_call(tmp_path):
    watching, _ = watch(tmp_path)
    values = np.array([[1.0, 2.0, np.nan, np.nan]])
    watching.see(range(4, 8), {"loss/a": values, "finite": np.isfinite(values)})
    with pytest.raises(UserError, match="loss/a not finite at step 7;"):
        watching.settle()


def test_the_dump_has_what_led_there(tmp_path):
    watching, batches = watch(tmp_path, checkpoint=4)
    watching.see(range(4, 5), metrics(np.inf))
    with pytest.raises(UserError, match=r"--mode=audit --span=4:5"):
        watching.settle()
    dumped = divergence.read(tmp_path)
    indices, flips = batches.indices(4)
    assert dumped["indices"] == indices.tolist()
    assert dumped["flips"] == flips.astype(int).tolist()
    assert (dumped["step"], dumped["last_checkpoint"], dumped["seed"]) == (5, 4, 3)
    assert dumped["metrics"] == {"loss/a": "inf"}
    assert dumped["not_finite"] == ["loss/a"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"step": "1"}', "[" * 10])
def test_a_dump_that_is_none_is_none(tmp_path, text):
    assert divergence.read(tmp_path) is None
    (tmp_path / "audit").mkdir()
    (tmp_path / divergence.FILE).write_text(text)
    assert divergence.read(tmp_path) is None


def test_a_run_that_diverges_stops_at_its_step_and_does_so_again(tmp_path, monkeypatch, capsys):
    load, make_step = configs.load, steps.Step
    monkeypatch.setattr(configs, "load", lambda path: shrink(load(path), 9))
    monkeypatch.setattr(steps, "Step", lambda *args: spoiled(make_step(*args)))

    def spoiled(step):
        def spoil(state, batch, *rest):
            before = int(state.step[0])
            state, found = step(state, batch, *rest)
            if before == 6:
                found |= {"grad/encoder": found["kl"] * np.nan, "finite": found["finite"] & False}
            return state, found

        return spoil

    argv = [f"--config={ROOT / 'configs/cvae_gan_shapes.py'}", f"--workdir={tmp_path / 'run'}"]
    options = ["--config.checkpoint_every=4", "--config.ledger_every=2", "--config.log_every=50"]
    assert launch.main([*argv, *options, "--config.sample_every=0"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "training diverged: grad/encoder not finite at step 7; last checkpoint: step 4" in error
    dumped = json.loads((tmp_path / "run/audit/divergence.json").read_text())
    assert dumped["replay"] in error
    assert set(dumped["metrics"]) >= {"grad/encoder", "grad/generator", "grad/discriminator"}
    assert launch.main([f"--workdir={tmp_path / 'run'}", "--mode=audit", "--span=4:7"]) == 0
    assert "replay: not finite at step 7: grad/encoder, as it was" in capsys.readouterr().out
