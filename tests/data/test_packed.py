"""Packed data sets are what TFDS's reader gives, to the bit, or a line that says why not."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gen_jax import data
from gen_jax.data import content, pack, packed, stacked_mnist, tfds
from gen_jax.errors import UserError
from tests.data.prepared import KINDS, features, png, prepare, record, section

NOISE = KINDS | {"image": features.Image(shape=(16, 12, 1))}


def noise(count):
    """Records whose files are as large as their pixels are many, however they are compressed."""
    images = np.random.default_rng(count).integers(0, 256, (count, 16, 12, 1), np.uint8)
    return [{"image": png(image), "label": i % 2, "size": i % 5} for i, image in enumerate(images)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared")
    prepare(root, {"train": [noise(4), noise(3)], "test": [noise(2)]}, NOISE)
    return root


@pytest.fixture
def there(prepared, tmp_path):
    """A directory with mnist packed, three images a file."""
    return packed_at(tmp_path / "there", prepared)


def packed_at(out, prepared, most_bytes=1300, **changes):
    list(pack.pack(section(prepared, **changes), out, most_bytes))
    return out


def assert_alike(ours, theirs):
    assert ours.spec == theirs.spec
    assert ours.images.dtype == theirs.images.dtype
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    everything = np.arange(len(theirs))
    np.testing.assert_array_equal(ours.factors(everything), theirs.factors(everything))
    assert content.digest(content.fingerprints(ours)) == content.digest(
        content.fingerprints(theirs)
    )


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"image_size": 4, "channels": 3},
        {"label": "size"},
        {"label": ""},
        {"num_train": 5, "num_test": 1},
        {"num_classes": 2},
    ],
)
def test_the_same_split_as_tfds_reads(prepared, tmp_path, split, changes):
    packed_at(tmp_path, prepared, **changes)
    ours = data.load(section(tmp_path, **changes), split)
    assert_alike(ours, tfds.load(section(prepared, **changes), split))


def test_several_files_and_fewer_images_of_them(prepared, there):
    assert sorted(path.name for path in there.glob("mnist/*")) == [
        *("packed.json", "test_000.npz", "train_000.npz", "train_001.npz", "train_002.npz")
    ]
    for count in range(1, 9):
        changes = {"num_train": count}
        for split in ("train", "test"):
            ours = data.load(section(there, **changes), split)
            assert_alike(ours, tfds.load(section(prepared, **changes), split))


def test_streaming_is_reading_it_all(prepared, there):
    ours = data.load(section(there, stream=True, train_classes=("odd",)), "test")
    assert ours.spec.num_examples == 3
    assert_alike(
        data.load(section(there, stream=True), "train"), tfds.load(section(prepared), "train")
    )


def test_factors_and_held_out_images(tmp_path):
    kinds = {
        "image": KINDS["image"],
        "label_shape": features.ClassLabel(names=["heart", "square"]),
        "label_size": features.ClassLabel(num_classes=3),
    }
    records = [
        {"image": record(i)["image"], "label_shape": i % 2, "label_size": i % 3} for i in range(21)
    ]
    prepare(tmp_path / "from", {"train": [records]}, kinds, name="my_own")
    asked = {"name": "my_own", "label": "label_shape"}
    packed_at(tmp_path / "to", tmp_path / "from", **asked)
    for split, count in (("train", 18), ("test", 3)):
        ours = data.load(section(tmp_path / "to", **asked), split)
        assert (len(ours), ours.spec.factors) == (count, (("shape", 2), ("size", 3)))
        assert_alike(ours, tfds.load(section(tmp_path / "from", **asked), split))


def test_images_of_any_size_and_no_labels(tmp_path):
    records = [[{"image": record(i, (9 - i, 7, 1))["image"]} for i in range(3)]]
    prepare(tmp_path / "from", {"train": records, "test": records}, {"image": features.Image()})
    packed_at(tmp_path / "to", tmp_path / "from", image_size=4)
    ours = data.load(section(tmp_path / "to", image_size=4), "train")
    assert_alike(ours, tfds.load(section(tmp_path / "from", image_size=4), "train"))
    with pytest.raises(UserError, match=r"vary in size: pass --config\.data\.image_size"):
        data.load(section(tmp_path / "to"), "train")


def test_digits_for_stacks(tmp_path):
    kinds = KINDS | {"label": features.ClassLabel(num_classes=10)}
    digits = [[record(i) | {"label": i} for i in range(10)]]
    prepare(tmp_path / "from", {"train": digits, "test": digits}, kinds)
    asked = {"name": "stacked_mnist", "num_train": 20, "num_test": 5, "image_size": 4}
    packed_at(tmp_path / "to", tmp_path / "from", **asked)
    ours, theirs = (
        stacked_mnist.load(section(tmp_path / place, **asked), "train") for place in ("to", "from")
    )
    assert ours.spec == theirs.spec
    for name, array in theirs.gather(np.arange(20)).items():
        np.testing.assert_array_equal(ours.gather(np.arange(20))[name], array)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_size": 4}, "packed as images of 16 x 12 x 1, not 4 x 4 x 1; pack it again"),
        ({"channels": 3}, "not 16 x 12 x 3"),
        ({"label": "size"}, "packed with data.label='label', not 'size'; pack it again"),
        ({"label": ""}, "data.label='label', not ''"),
        ({"label": "colour"}, "no class label 'colour'; --config.data.label is one of label, size"),
        ({"num_classes": 9}, "num_classes is 9, but mnist has 2"),
        ({"num_train": -1}, "num_train must be 0 or more"),
        ({"num_train": 6}, "holds 5 train images, not 6: pass --config.data.num_train=5, or pack"),
        ({"num_train": 0}, "holds 5 train images, not 7"),
    ],
)
def test_what_was_not_packed_is_said(prepared, tmp_path, changes, said):
    packed_at(tmp_path, prepared, num_train=5)
    with pytest.raises(UserError) as caught:
        data.load(section(tmp_path, **{"num_train": 5, **changes}), "train")
    assert said in str(caught.value)


def test_names_with_a_version_have_a_folder_of_their_own(prepared, tmp_path):
    packed_at(tmp_path, prepared, name="mnist:3.0.1")
    assert (tmp_path / "mnist_3.0.1" / "packed.json").is_file()
    assert data.load(section(tmp_path, name="mnist:3.0.1"), "test").spec.name == "mnist:3.0.1"
    with pytest.raises(UserError, match=r"packed\.json is of 'mnist:3\.0\.1', not 'mnist_3\.0\.1'"):
        data.load(section(tmp_path, name="mnist_3.0.1"), "train")
    for name in ("..", ".", "", "../../etc", "a\0b"):
        assert packed.place(tmp_path, name).parent == tmp_path
        assert not packed.place(tmp_path, name).name.startswith(".")


@pytest.mark.parametrize("damage", ["gone", "cut", "flip", "link", "pipe", "folder"])
def test_a_damaged_file_is_named(there, tmp_path, damage):
    path = there / "mnist/train_001.npz"
    whole = path.read_bytes()
    path.unlink()
    if damage in ("cut", "flip"):
        path.write_bytes(whole[:-9] if damage == "cut" else whole[:50] + b"?" + whole[51:])
    elif damage == "link":
        (tmp_path / "outside.npz").write_bytes(whole)
        path.symlink_to(tmp_path / "outside.npz")
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "folder":
        path.mkdir()
    with pytest.raises(UserError, match=r"train_001\.npz: it is .*; copy it or pack it again"):
        data.load(section(there), "train")
    assert len(data.load(section(there, num_train=2), "train")) == 2


def rewritten(folder, **arrays):
    """Puts other arrays into the first file, and has packed.json agree."""
    path = folder / "train_000.npz"
    with np.load(path) as file:
        np.savez_compressed(path, **{**file, **arrays})
    told = json.loads((folder / "packed.json").read_text())
    about = told["splits"]["train"]["files"][0]
    about |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (folder / "packed.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"label": np.array([0, 1, 2], np.int32)}, "label 2 is not one of its 2 classes"),
        ({"label": np.array([0, 1, 0], np.int64)}, "its arrays are"),
        ({"image": np.zeros((3, 16, 12, 3), np.uint8)}, "its arrays are"),
        ({"image": np.zeros((2**9, 16, 12), np.uint8)}, "it unfolds to over"),
        ({"image": np.array([{}])}, "Python objects"),
        ({"more": np.zeros(3)}, "its arrays are"),
    ],
)
def test_files_that_packed_json_agrees_with_are_checked_all_the_same(there, arrays, said):
    rewritten(there / "mnist", **arrays)
    with pytest.raises(UserError, match=said):
        data.load(section(there), "train")


def test_too_much_for_this_memory(there, monkeypatch):
    told = json.loads((there / "mnist/packed.json").read_text())
    told["shape"] = told["native"] = [2**13, 2**13, 1]
    (there / "mnist/packed.json").write_text(json.dumps(told))
    monkeypatch.setattr("gen_jax.core.machine.memory", lambda: 2**27)
    with pytest.raises(UserError, match=r"do not fit in 0\.1 GB of memory; pack fewer or smaller"):
        data.load(section(there), "train")


def test_packed_data_need_neither_tfds_nor_tensorflow(there):
    code = f"""
import sys
for name in ("tensorflow", "tensorflow_datasets", "array_record", "importlib_resources"):
    sys.modules[name] = None
import gen_jax.launch
from gen_jax import config, data
section = config.base().data
section.update(name="mnist", dir={str(there)!r})
assert len(data.load(section, "train")) == 7
"""
    subprocess.run([sys.executable, "-c", code], check=True)
