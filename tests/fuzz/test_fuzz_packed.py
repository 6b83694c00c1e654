"""Packed data sets of any content: packed.json and .npz files that nobody means well by."""

import hashlib
import io
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen_jax import config as configs
from gen_jax import data
from gen_jax.data import packed_json
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.values import mutated

FUZZ = settings(max_examples=150, suppress_health_check=list(HealthCheck))
ARRAYS = {
    "image": np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4, 1),
    "label": np.array([0, 1, 1], np.int32),
    "factors": np.array([[0], [1], [2]], np.int32),
}
ODD = (
    *(np.zeros(0), np.array(3), np.array("x"), np.zeros((3, 4, 4, 1)), np.array(b"image")),
    *(np.zeros((3, 0), np.int32), np.zeros((0, 4, 4, 1), np.uint8), np.full(3, 2, np.int32)),
    *(np.array([-1, 0, 0], np.int32), np.full((3, 1), -1, np.int32), np.full((3, 1), 9, np.int32)),
    *(np.zeros((3, 4, 4, 3), np.uint8), np.zeros(10**6, np.uint8), np.zeros((3, 4, 4), np.uint8)),
)


def stored(arrays):
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=True, **arrays)
    return content.getvalue()


def manifest(train, test):
    """A packed.json that agrees with two files, whatever they hold."""
    told = {
        name: {
            "of": 3,
            "files": [
                {
                    "name": f"{name}_000.npz",
                    "images": 3,
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
            ],
        }
        for name, content in {"train": train, "test": test}.items()
    }
    return {
        "format": 1, "name": "mnist", "native": [4, 4, 1], "shape": [4, 4, 1], "label": "label",
        "labels": ["label", "label_size"], "class_names": ["a", "b"], "factors": [["size", 3]],
        "splits": told,
    }  # fmt: skip


GOOD = stored(ARRAYS)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("packed"))
    sandbox.work.mkdir()
    return sandbox


def plant(sandbox, text, train=GOOD, test=GOOD):
    folder = sandbox.work / "mnist"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "train_000.npz").write_bytes(train)
    (folder / "test_000.npz").write_bytes(test)
    (folder / packed_json.FILE).write_text(text, "utf-8", "surrogatepass")
    return folder


def load(sandbox, **changes):
    """Loads both splits; what loads is a data set, with names that print and values in range."""
    config = configs.base().data
    config.update(name="mnist", dir=str(sandbox.work), **changes)
    for name in ("train", "test"):
        split = data.load(config, name)
        images = split.gather(np.arange(len(split)))["image"]
        assert images.shape == (len(split), *split.spec.shape)
        assert 0 <= split.labels.min() <= split.labels.max() < split.spec.num_classes
        str(split.spec).encode()


def test_the_undamaged_one_loads(sandbox):
    plant(sandbox, json.dumps(manifest(GOOD, GOOD)))
    assert sandbox.try_out(lambda: load(sandbox)) == ""


@FUZZ
@given(st.data())
def test_any_packed_json(sandbox, data):
    told = data.draw(mutated(manifest(GOOD, GOOD)))
    plant(sandbox, json.dumps(told))
    sandbox.try_out(lambda: load(sandbox))


@FUZZ
@given(st.text(max_size=40) | st.sampled_from(("", "null", "[" * 10**5, '{"format": 1e999}')))
def test_what_is_no_packed_json(sandbox, text):
    plant(sandbox, text)
    assert sandbox.try_out(lambda: load(sandbox))


@FUZZ
@given(st.data())
def test_arrays_that_are_no_split(sandbox, data):
    arrays = dict(ARRAYS)
    name = data.draw(st.sampled_from((*ARRAYS, "more", "../more", "/etc/x")))
    if data.draw(st.booleans()):
        arrays[name] = data.draw(st.sampled_from((*ODD, np.array([{}], object))))
    else:
        arrays.pop(name, None)
    content = stored(arrays)
    plant(sandbox, json.dumps(manifest(content, GOOD)), content)
    sandbox.try_out(lambda: load(sandbox))


@FUZZ
@given(st.data())
def test_damaged_files_that_packed_json_agrees_with(sandbox, data):
    content = bytearray(GOOD[: data.draw(st.integers(0, len(GOOD)) | st.just(len(GOOD)))])
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    plant(sandbox, json.dumps(manifest(bytes(content), GOOD)), bytes(content))
    sandbox.try_out(lambda: load(sandbox))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        *(("packed.json", target) for target in ("/etc/passwd", "train_000.npz")),
        *(("train_000.npz", target) for target in ("/dev/zero", "/etc/passwd", "test_000.npz")),
        *(("train_000.npz", target) for target in ("train_000.npz", "nowhere", ".", "pipe")),
    ],
)
def test_links_and_pipes(sandbox, name, target):
    folder = plant(sandbox, json.dumps(manifest(GOOD, GOOD)))
    (folder / name).unlink()
    if target == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(target)
    said = sandbox.try_out(lambda: load(sandbox))
    assert "copy it or pack it again" in said or target == "test_000.npz"  # a copy, as it were


def test_claims_are_refused_before_memory_is_taken(sandbox):
    for shape in ([2**20, 2**20, 3], [2**62, 2**62, 1], [2**31, 1, 1]):
        told = manifest(GOOD, GOOD) | {"shape": shape, "native": shape}
        plant(sandbox, json.dumps(told))
        assert "MiB unfolded" in sandbox.try_out(lambda: load(sandbox))
    told = manifest(GOOD, GOOD)
    told["splits"]["train"] |= {"of": 10**12, "files": told["splits"]["train"]["files"] * 10**4}
    for number, file in enumerate(told["splits"]["train"]["files"]):
        told["splits"]["train"]["files"][number] = file | {
            "name": packed_json.file_name("train", number), "images": 10**7
        }  # fmt: skip
    plant(sandbox, json.dumps(told))
    assert sandbox.try_out(lambda: load(sandbox, num_train=10**11))
