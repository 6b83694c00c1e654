import logging
import os
import shutil
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core.digest import digest
from gen_jax.errors import UserError
from gen_jax.train.checkpoints import Checkpoints
from tests.train.saved import assert_identical, save, snapshot, state


def test_roundtrip_is_bitwise_with_concrete_and_abstract_targets(tmp_path):
    with Checkpoints(tmp_path / "c", config_digest="abc") as checkpoints:
        assert checkpoints.latest_step() is None
        checkpoints.save(3, state(3), {"mse": np.float32(0.5), "kl": float("nan")})
        for target in (state(0), jax.eval_shape(state), jax.device_get(state(1))):
            restored, step, record = checkpoints.restore(target)
            assert_identical(restored, state(3))
            assert step == 3
            assert record["metrics"]["mse"] == 0.5
            assert np.isnan(record["metrics"]["kl"])
            assert (record["config"], record["digest"]) == ("abc", digest(state(3)))


def test_the_state_may_change_once_save_returns(tmp_path):
    array = np.ones((300, 300), np.float32)
    donated = jnp.ones((300, 300))
    update = jax.jit(lambda x: x + 1, donate_argnums=0)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"a": array, "b": donated})
        array += 1
        donated = update(donated)
        restored, _, _ = checkpoints.restore({"a": array, "b": donated})
    assert np.all(restored["a"] == 1)
    assert np.all(restored["b"] == 1)


def test_saved_on_the_last_device_restores_anywhere(tmp_path):
    placed = jax.device_put(state(1), jax.devices()[-1])
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, placed)
        restored, _, _ = checkpoints.restore(state(0))
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(restored.params))
    files = snapshot(tmp_path)
    assert not any(path.name == "_sharding" or b"TFRT" in (files[path] or b"") for path in files)


@pytest.mark.parametrize(
    ("mode", "values", "kept"),
    [
        ("min", [5, 1, 3, 2, 4], [1, 3, 4]),
        ("max", [5, 1, 3, 2, 4], [0, 3, 4]),
        ("min", [float("nan"), 2, None, float("-inf"), 3, 4], [1, 4, 5]),
        ("max", [float("nan"), None, float("inf"), 3, None, None], [3, 4, 5]),
        ("min", [1, 1, 1, 2, 2], [2, 3, 4]),
        ("min", [None, None, None], [1, 2]),
    ],
)
@pytest.mark.parametrize("reopen", [False, True])
def test_keeps_the_newest_and_the_best(tmp_path, mode, values, kept, reopen):
    checkpoints = Checkpoints(tmp_path, 2, "mse", mode)
    for step, value in enumerate(values):
        checkpoints.save(step, {"a": np.arange(3)}, None if value is None else {"mse": value})
        if reopen:
            checkpoints.close()
            checkpoints = Checkpoints(tmp_path, 2, "mse", mode)
    checkpoints.close()
    assert checkpoints.steps() == kept
    assert sorted(int(name) for name in os.listdir(tmp_path)) == kept


def test_saves_only_what_is_newer(tmp_path):
    with Checkpoints(tmp_path, keep_latest=3) as checkpoints:
        assert checkpoints.save(5, state(5))
        assert not checkpoints.save(5, state(0), force=True)
        assert not checkpoints.save(4, state(4))
        assert checkpoints.save(4, state(4), force=True)
        assert checkpoints.steps() == [4, 5]
        assert_identical(checkpoints.restore(state(0))[0], state(5))


def test_interrupted_write_is_ignored_then_swept(tmp_path):
    save(tmp_path, [1])
    for step in (2, 7):
        leftover = tmp_path / f"{step}.orbax-checkpoint-tmp"
        shutil.copytree(tmp_path / "1", leftover)
        (leftover / "commit_success.txt").unlink()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps() == [1]
        assert checkpoints.restore(state(0))[1] == 1
        assert checkpoints.save(2, state(2))
        assert_identical(checkpoints.restore(state(0))[0], state(2))
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


def test_a_write_that_fails_in_the_background_is_reported_once(tmp_path, monkeypatch, caplog):
    async def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    save(tmp_path, [1])
    from orbax.checkpoint._src.serialization import type_handlers

    checkpoints = Checkpoints(tmp_path, keep_latest=1)
    with monkeypatch.context() as patch:
        patch.setattr(type_handlers.NumpyHandler, "_open_and_write", full)
        for after in (checkpoints.wait, lambda: checkpoints.save(3, state(3)), checkpoints.close):
            assert checkpoints.save(2, state(2))
            with pytest.raises(
                UserError, match=f"cannot write .* to {tmp_path}: .*No space"
            ) as error:
                after()
            assert "\n" not in str(error.value)
            assert checkpoints.steps() == [1]
    checkpoints.close()
    assert not caplog.records
    with Checkpoints(tmp_path) as checkpoints:
        assert_identical(checkpoints.restore(state(0))[0], state(1))


def test_a_directory_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"cannot open {tmp_path}/file/c"):
        Checkpoints(tmp_path / "file" / "c")


def test_a_directory_that_vanishes_is_reported_and_leaves_no_thread(tmp_path):
    save(tmp_path / "c", [1])
    before = set(threading.enumerate())
    checkpoints = Checkpoints(tmp_path / "c")
    assert checkpoints.save(2, state(2))
    checkpoints.wait()
    shutil.rmtree(tmp_path / "c")
    (tmp_path / "c").write_text("")
    with pytest.raises(UserError, match=f"cannot write checkpoints to {tmp_path}/c: NotADirectory"):
        checkpoints.save(3, state(3))
    checkpoints.close()
    # A thread that still waits for the directory would hold up the end of the program; a worker of
    # asyncio's pool, which may outlive its task, would not.
    left = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio")}
    assert left <= before


def test_nothing_is_logged_when_all_is_well(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        save(tmp_path, [1, 2, 3], best_metric="mse")
        with Checkpoints(tmp_path, read_only=True) as checkpoints:
            checkpoints.restore(state(0))
    assert not [entry for entry in caplog.records if entry.name == "absl"]
