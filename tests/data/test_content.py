"""Fingerprints of a split: a changed example shows, and which one."""

import numpy as np

from gen_jax.data import content
from gen_jax.data.spec import ArraySplit, DataSpec


def split(images, labels):
    spec = DataSpec("toy", images.shape[1:], 10, tuple("0123456789"), len(images))
    return ArraySplit(spec, images, labels)


def test_every_example_has_its_own_and_a_changed_one_shows(monkeypatch):
    monkeypatch.setattr(content, "BLOCK", 7)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    labels = np.arange(20, dtype=np.int32) % 10
    before = content.fingerprints(split(images, labels))
    assert before.shape == (20,)
    assert len(set(before.tolist())) == 20
    images[13, 2, 1, 0] ^= 1
    labels[4] += 1
    after = content.fingerprints(split(images, labels))
    assert np.flatnonzero(before != after).tolist() == [4, 13]
    assert content.digest(before) != content.digest(after)


def test_they_do_not_depend_on_how_many_are_read_at_once(monkeypatch):
    images = np.arange(20 * 12, dtype=np.uint8).reshape(20, 2, 2, 3)
    toy = split(images, np.zeros(20, np.int32))
    whole = content.fingerprints(toy)
    monkeypatch.setattr(content, "BLOCK", 3)
    assert content.fingerprints(toy).tolist() == whole.tolist()
    assert content.digest(whole) == content.digest(content.fingerprints(toy))
