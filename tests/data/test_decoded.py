"""Decoded images come from the cache while everything they depend on is as it was."""

import os

import numpy as np
import pytest

from gen_jax.data import decoded, tfds
from tests.data.prepared import KINDS, prepare, record, section, shards


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a small data set with a cache, and says whether it was decoded."""
    monkeypatch.setattr(decoded, "FEWEST", 1)
    prepare(tmp_path, {"train": shards(4, 3), "test": shards(2)}, KINDS)
    calls = []
    from_stream = decoded.StreamSplit.in_memory

    def counted(self):
        calls.append(1)
        return from_stream(self)

    monkeypatch.setattr(decoded.StreamSplit, "in_memory", counted)

    def load(split="train", **changes):
        before = len(calls)
        config = section(tmp_path, **{"cache": str(tmp_path / "cache"), **changes})
        return tfds.load(config, split), len(calls) > before

    return load


def test_the_second_time_nothing_is_decoded(load):
    (first, one), (second, two) = load(), load()
    assert (one, two) == (True, False)
    assert first.spec == second.spec
    for name, values in first.gather(np.arange(7)).items():
        found = second.gather(np.arange(7))[name]
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype


OTHERWISE = [
    {"split": "test"},
    {"num_train": 3},
    {"image_size": 4},
    {"channels": 3},
    {"label": "size"},
]


@pytest.mark.parametrize("changes", OTHERWISE)
def test_what_is_asked_for_otherwise_is_decoded(load, changes):
    load()
    assert load(**changes)[1]


def test_another_image_is_decoded_although_its_file_has_the_same_size_and_date(load, tmp_path):
    old, _ = load()
    path = next(tmp_path.glob("mnist/3.0.1/mnist-train*-00000-of-*"))
    stat = path.stat()
    changed = [record(i) for i in (0, 1, 2, 5)]
    other = tmp_path / "other"
    prepare(other, {"train": [changed], "test": shards(1)}, KINDS)
    path.write_bytes(next(other.glob("mnist/3.0.1/mnist-train*")).read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new, again = load()
    assert again
    assert (new.images[3] != old.images[3]).any()


def test_a_damaged_file_is_decoded_again_and_mended(load, tmp_path, caplog):
    first, _ = load()
    (kept,) = (tmp_path / "cache").glob("*.npz")
    content = bytearray(kept.read_bytes())
    content[len(content) // 3] ^= 1
    kept.write_bytes(content)
    second, again = load()
    assert again
    assert "decoded again" in caplog.text
    np.testing.assert_array_equal(first.images, second.images)
    assert not load()[1]


def test_nothing_is_kept_where_that_is_asked_or_impossible(load, tmp_path, caplog):
    assert load(cache="")[1]
    assert load(cache="")[1]
    assert not (tmp_path / "cache").exists()
    (tmp_path / "file").write_text("in the way")
    for _ in range(2):
        assert load(cache=str(tmp_path / "file"))[1]
    assert "not kept" in caplog.text
