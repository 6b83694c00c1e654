"""Arrays in a cache folder: whole or made again, and no more of them than there is room for."""

import os

import numpy as np

from gen_jax.core import kept


def test_what_was_kept_comes_back(tmp_path):
    arrays = {"a": np.arange(5, dtype=np.float32), "b": np.zeros((2, 3), np.uint8)}
    kept.write(tmp_path / "new" / "x.npz", arrays, "numbers")
    found = kept.read(tmp_path / "new" / "x.npz", "made again")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert kept.read(tmp_path / "none.npz", "made again") is None


def test_what_killed_writers_left_goes_once_nobody_can_be_writing_it(tmp_path):
    name = f"{0:032x}.npz"
    old, young, other = (tmp_path / each for each in (f".{name}.11", f".{name}.12", ".mine.npz.13"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1000, 1000))
    kept.write(tmp_path / name, {}, "numbers")
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


def test_a_damaged_file_and_a_folder_that_is_none_are_logged(tmp_path, caplog):
    path = tmp_path / "x.npz"
    path.write_bytes(b"no archive")
    assert kept.read(path, "made again") is None
    assert "made again" in caplog.text
    kept.write(path / "y.npz", {}, "numbers")
    assert "numbers are not kept" in caplog.text


def test_the_files_unused_for_longest_go_and_nobody_elses(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 2500)
    arrays = {"a": np.zeros(100)}  # about a kilobyte
    first, second, third = (f"{number:032x}.npz" for number in range(3))
    for age, name in enumerate((first, second)):
        kept.write(tmp_path / name, arrays, "numbers")
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    np.savez(tmp_path / "dataset.npz", a=np.zeros(1000))
    os.utime(tmp_path / "dataset.npz", (1, 1))
    assert kept.read(tmp_path / first, "made again") is not None  # used: now the newest
    kept.write(tmp_path / third, arrays, "numbers")
    assert sorted(path.name for path in tmp_path.iterdir()) == [first, third, "dataset.npz"]
