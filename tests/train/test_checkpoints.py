import logging
import os
import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gen_jax.core.digest import digest
from gen_jax.errors import UserError
from gen_jax.train.checkpoints import Checkpoints


class State(NamedTuple):
    step: jax.Array
    params: dict
    ema: dict
    opt: dict
    extra: dict


def state(step: int = 0) -> State:
    w_key, key = jax.random.split(jax.random.key(step))
    params = {"w": jax.random.normal(w_key, (9, 5)), "b": jnp.full(5, 0.1 + step, jnp.bfloat16)}
    opt = {"net": optax.adam(1e-3).init(params)}
    extra = {"key": key, "none": {}, "pool": jnp.zeros((0, 4)), "uint": jnp.uint8(3)}
    return State(jnp.int32(step), {"net": params, "bare": {}}, {}, opt, extra)


def assert_identical(restored, original):
    assert jax.tree.structure(restored) == jax.tree.structure(original)
    for ours, theirs in zip(jax.tree.leaves(restored), jax.tree.leaves(original), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert digest(restored) == digest(original)


def save(directory, steps, **options):
    with Checkpoints(directory, **options) as checkpoints:
        for step in steps:
            assert checkpoints.save(step, state(step), {"mse": 1.0 / (step + 1)})


def snapshot(directory: Path):
    return {
        path.relative_to(directory): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


def flip(path: Path, offset: int):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def damage(directory: Path):
    """Changes one entry of the checkpoint's record."""
    record = directory / "meta" / "metadata"
    record.write_text(record.read_text().replace('"config": ""', '"config": "?"'))


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


def test_no_bit_flip_passes_in_silence(tmp_path):
    save(tmp_path, [1, 2])
    files = sorted(path for path in (tmp_path / "2").rglob("*") if path.is_file())
    assert len(files) > 5
    fallbacks = 0
    for path in files:
        intact = path.read_bytes()
        for offset in {0, len(intact) // 3, len(intact) // 2, len(intact) - 1}:
            flip(path, offset)
            with Checkpoints(tmp_path, best_metric="mse", read_only=True) as checkpoints:
                restored, step, _ = checkpoints.restore(state(0))
            assert digest(restored) == digest(state(step)), path
            fallbacks += step == 1
            path.write_bytes(intact)
    assert fallbacks > 3


def test_truncated_and_missing_files_fall_back(tmp_path):
    save(tmp_path, [1, 2])
    for part in ("state", "meta", "state/manifest.ocdbt", "meta/metadata", "state/d"):
        copy = tmp_path / part.replace("/", "-")
        shutil.copytree(tmp_path / "1", copy / "1")
        shutil.copytree(tmp_path / "2", copy / "2")
        target = copy / "2" / part
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.write_bytes(target.read_bytes()[:50])
        with Checkpoints(copy, read_only=True) as checkpoints:
            assert checkpoints.restore(state(0))[1] == 1, part


def test_damaged_step_metadata_does_not_keep_the_rest_from_opening(tmp_path):
    save(tmp_path, [1, 2])
    (tmp_path / "2" / "_CHECKPOINT_METADATA").write_text('{"commit_timestamp_nsecs": "1"}')
    with Checkpoints(tmp_path, best_metric="mse") as checkpoints:
        restored, step, _ = checkpoints.restore(state(0))
        assert_identical(restored, state(step))


def test_fallback_says_so_and_frees_the_place(tmp_path, caplog):
    save(tmp_path, [1, 2, 3], keep_latest=3)
    for step in (2, 3):
        damage(tmp_path / str(step))
    (tmp_path / "corrupt-3").mkdir()
    with Checkpoints(tmp_path, keep_latest=3) as checkpoints, caplog.at_level(logging.WARNING):
        restored, step, _ = checkpoints.restore(state(0))
        assert_identical(restored, state(1))
        assert [record.getMessage() for record in caplog.records] == [
            f"checkpoint {tmp_path / str(bad)} is damaged (ValueError: the checksum of the record "
            f"does not match); moved to {aside}, restored step 1 instead"
            for bad, aside in ((3, "corrupt-3-again"), (2, "corrupt-2"))
        ]
        assert checkpoints.steps() == [1]
        assert checkpoints.save(2, state(2))
        assert checkpoints.restore(state(0))[1] == 2
    assert (tmp_path / "corrupt-3-again" / "state").is_dir()
    assert (tmp_path / "corrupt-2" / "state").is_dir()


def test_an_altered_array_is_named(tmp_path):
    save(tmp_path, [1])
    with Checkpoints(tmp_path / "other") as checkpoints:
        checkpoints.save(1, state(1)._replace(step=jnp.int32(5)))
    shutil.rmtree(tmp_path / "1" / "state")
    shutil.copytree(tmp_path / "other" / "1" / "state", tmp_path / "1" / "state")
    with (
        Checkpoints(tmp_path) as checkpoints,
        pytest.raises(UserError, match=r"leaf \.step is alt"),
    ):
        checkpoints.restore(state(0), step=1)


def test_read_only_touches_nothing(tmp_path):
    save(tmp_path / "c", [1, 2])
    damage(tmp_path / "c" / "2")
    (tmp_path / "c" / "3.orbax-checkpoint-tmp").mkdir()
    before = snapshot(tmp_path)
    with Checkpoints(tmp_path / "c", read_only=True, best_metric="mse") as checkpoints:
        assert checkpoints.restore(state(0))[1] == 1
        with pytest.raises(ValueError, match="read_only"):
            checkpoints.save(4, state(4))
    with (
        Checkpoints(tmp_path / "none", read_only=True) as checkpoints,
        pytest.raises(UserError, match=f"no checkpoint in {tmp_path}/none"),
    ):
        checkpoints.restore(state(0))
    assert snapshot(tmp_path) == before


def test_explicit_step_never_falls_back(tmp_path):
    save(tmp_path, [1, 2])
    damage(tmp_path / "2")
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(UserError, match=f"checkpoint {tmp_path}/2 is damaged"):
            checkpoints.restore(state(0), step=2)
        with pytest.raises(UserError, match=r"no checkpoint of step 7 .*\[1, 2\]"):
            checkpoints.restore(state(0), step=7)
        assert checkpoints.restore(state(0), step=1)[1] == 1
        assert checkpoints.steps() == [1, 2]


def test_nothing_intact_names_all_and_moves_nothing(tmp_path):
    save(tmp_path, [1, 2])
    for step in (1, 2):
        damage(tmp_path / str(step))
    before = snapshot(tmp_path)
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError) as error:
        checkpoints.restore(state(0))
    assert str(error.value).startswith(
        f"no intact checkpoint in {tmp_path}: checkpoint {tmp_path}/2"
    )
    assert f"checkpoint {tmp_path}/1 is damaged" in str(error.value)
    assert snapshot(tmp_path) == before


def test_another_model_is_an_error_not_damage(tmp_path):
    save(tmp_path, [1, 2])
    other = state(0)
    other.params["net"]["w"] = jnp.zeros((9, 6))
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(
            UserError, match=r"params\['net'\]\['w'\] is float32\[9, 5\] there, floa"
        ):
            checkpoints.restore(other)
        with pytest.raises(
            UserError, match=r"leaf \.opt\['net'\]\[0\]\.count is int32\[\] there, abs"
        ):
            checkpoints.restore(state(0)._replace(opt={}))
        assert checkpoints.steps() == [1, 2]


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
    # A thread that still waits for the directory would hold up the end of the program.
    assert set(threading.enumerate()) <= before


def test_nothing_is_logged_when_all_is_well(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        save(tmp_path, [1, 2, 3], best_metric="mse")
        with Checkpoints(tmp_path, read_only=True) as checkpoints:
            checkpoints.restore(state(0))
    assert not [entry for entry in caplog.records if entry.name == "absl"]
