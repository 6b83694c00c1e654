"""Packing, as a command and as a function."""

import json
from pathlib import Path

import numpy as np
import pytest

from gen_jax.data import pack, packed_json
from gen_jax.errors import UserError
from tests.data.prepared import KINDS, png, prepare, record, section, shards

CONFIGS = Path(__file__).parents[2] / "configs"
MNIST = f"--config={CONFIGS / 'vae_mnist.py'}"


@pytest.fixture
def prepared(tmp_path):
    prepare(tmp_path / "from", {"train": shards(4, 3), "test": shards(2)}, KINDS)
    return tmp_path / "from"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_line_a_file(prepared, tmp_path, capsys):
    out = tmp_path / "to"
    assert pack.main([MNIST, f"--config.data.dir={prepared}", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        f"{out}/mnist/train_000.npz: 7 images, 0.0 MiB",
        f"{out}/mnist/test_000.npz: 2 images, 0.0 MiB",
        f"{out}/mnist/packed.json: 2 classes, 0.0 MiB in all",
    ]


def test_the_same_data_give_the_same_bytes_also_over_an_older_packing(prepared, tmp_path):
    once, again = tmp_path / "once", tmp_path / "again"
    list(pack.pack(section(prepared), once))
    list(pack.pack(section(prepared, num_train=3, label="size"), again, 800))
    (again / "mnist" / ".train_000.npz.123").write_bytes(b"left by one that was killed")
    list(pack.pack(section(prepared), again))
    assert contents(once / "mnist") == contents(again / "mnist")


def test_no_file_is_larger_than_asked(tmp_path):
    rng = np.random.default_rng(0)
    noise = [{"image": record(0)["image"], "label": 0, "size": 0}] * 40
    for i in range(20, 40):  # the first half compresses well, the second does not
        image = rng.integers(0, 256, (6, 4, 1), np.uint8)
        noise[i] = noise[i] | {"image": png(image)}
    prepare(tmp_path, {"train": [noise], "test": [noise]}, KINDS)
    written = [path for path, _ in pack.pack(section(tmp_path), tmp_path / "to", 1000)]
    sizes = [path.stat().st_size for path in written[:-1]]
    assert max(sizes) <= 1000
    assert len(sizes) < 10
    with pytest.raises(UserError, match=r"mnist/train: an image takes \d+ bytes, over 100"):
        list(pack.pack(section(tmp_path), tmp_path / "small", 100))


def test_an_interrupted_packing_is_none(prepared, tmp_path):
    out = tmp_path / "to"
    list(pack.pack(section(prepared), out))
    for _ in pack.pack(section(prepared, num_train=3), out):
        break
    assert not (out / "mnist" / packed_json.FILE).exists()


def test_packed_json_says_what_is_there(prepared, tmp_path):
    list(pack.pack(section(prepared, num_train=3, label="size"), tmp_path))
    told = json.loads((tmp_path / "mnist/packed.json").read_text())
    train, test = told.pop("splits").values()
    assert told == {
        "format": 1, "name": "mnist", "native": [6, 4, 1], "shape": [6, 4, 1], "label": "size",
        "labels": ["label", "size"], "class_names": ["0", "1", "2", "3", "4"], "factors": [],
    }  # fmt: skip
    assert (train["of"], test["of"]) == (7, 2)
    assert [(file["name"], file["images"]) for file in train["files"]] == [("train_000.npz", 3)]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "required: OUT_DIR; python -m gen_jax.data.pack --config=configs/NAME.py OUT_DIR"),
        (["OUT"], "say whose data to pack: --config=configs/NAME.py"),
        ([MNIST, "OUT", "MORE"], "unrecognized arguments: MORE"),
        ([MNIST, "--config.data.nmae=x", "OUT"], "did you mean data.name"),
        ([MNIST, "--part_mib=61", "OUT"], "--part_mib must be above 0 and at most 60"),
        ([MNIST, "--part_mib=0", "OUT"], "--part_mib must be above 0 and at most 60"),
        ([MNIST, "--config.data.name=shapes", "OUT"], "'shapes' needs no packing: it is made"),
        ([MNIST, "--config.data.name=ring", "OUT"], "'ring' needs no packing: it is made"),
        ([MNIST, "--config.data.name=folder", "OUT"], "needs no packing: copy the folder"),
        ([MNIST, "--config.data.name=mnits", "OUT"], "unknown data set 'mnits'"),
        ([MNIST, "--config.data.label=colour", "OUT"], "no class label 'colour'"),
        ([MNIST, "FROM"], "holds '3.0.1' and would be mixed up; pack elsewhere"),
        ([MNIST, "FROM/mnist/3.0.1/features.json"], "Not a directory"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    argv, said, prepared, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    before = sorted(tmp_path.rglob("*"))
    places = {"OUT": str(tmp_path / "to")}
    argv = [places.get(arg, arg).replace("FROM", str(prepared)) for arg in argv]
    assert pack.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert sorted(tmp_path.rglob("*")) == before


def test_factors_that_are_none_are_not_packed(tmp_path):
    kinds = dict.fromkeys(("label_a", "label_b"), KINDS["size"]) | {"image": KINDS["image"]}
    bad = [[{"image": record(0)["image"], "label_a": 0, "label_b": -1}]]
    prepare(tmp_path, {"train": bad, "test": bad}, kinds)
    with pytest.raises(UserError, match="mnist/train: a factor has a value that is none"):
        list(pack.pack(section(tmp_path, label="label_a"), tmp_path / "to"))
