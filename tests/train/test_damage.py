"""Damaged checkpoints: noticed, named, and stepped over."""

import logging
import shutil

import jax.numpy as jnp
import pytest

from gen_jax.core.digest import digest
from gen_jax.errors import UserError
from gen_jax.train.checkpoints import Checkpoints
from tests.train.saved import assert_identical, damage, flip, save, snapshot, state


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
