"""From a checkout over a few archives to a folder that works, without a network."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gen_jax.data import pack
from gen_jax.offline import __main__ as offline
from gen_jax.offline import unpack
from tests.data.prepared import KINDS, prepare, section, shards
from tests.offline import checkout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    prepare(root / "tfds", {"train": shards(4, 3), "test": shards(2)}, KINDS)
    list(pack.pack(section(root / "tfds"), root / "packed"))
    return root / "packed"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout to pack, and a pip that hands out one wheel."""
    root = checkout.make(tmp_path / "checkout")
    monkeypatch.setattr(offline.project, "ROOT", root)

    def download(wanted, target, folder):
        assert wanted == ["tool==1.0"]
        return [checkout.wheel(folder)]

    monkeypatch.setattr(offline.wheels, "download", download)
    monkeypatch.setattr(offline.wheels.metadata, "version", lambda name: "1.0")
    monkeypatch.setattr(offline.wheels.metadata, "requires", lambda name: None)
    (tmp_path / "freeze.txt").write_text("jax==0.10.2\n")
    return root


def run_there(folder, *args, **environment):
    """unpack.py alone, in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-I", "unpack.py", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_there_and_in_place(here, data, tmp_path, capsys):
    out = tmp_path / "out"
    assert offline.main([f"--data={data}", f"--have={tmp_path / 'freeze.txt'}", str(out)]) == 0
    said, err = capsys.readouterr()
    assert err == ""
    commit = checkout.git(here, "rev-parse", "HEAD")
    assert said.splitlines() == [
        f"project: commit {commit}, changed",
        "left out, since git does not know them: new.py",
        f"data: {data}/mnist",
        "wheel: tool-1.0-py3-none-any.whl",
        f"{out}/part_000.tar: 0.0 MiB",
        f"there, with all of {out} in one folder: python unpack.py",
    ]
    done = run_there(out)
    assert (done.returncode, done.stderr) == (0, "")
    export, example = done.stdout.splitlines()
    assert export == (f"export PYTHONPATH={out}/project:{out}/site TFDS_DATA_DIR={out}/data")
    assert example == f"cd {out}/project && python run.py --queue=FILE"
    assert (out / "project/deep/größe.txt").read_text() == "x" * 3000
    assert sorted(path.name for path in (out / "data/mnist").iterdir()) == [
        *("packed.json", "test_000.npz", "train_000.npz")
    ]
    code = "import tool; print(tool.VERSION)"
    env = {"PYTHONPATH": f"{out}/project:{out}/site"}
    assert subprocess.check_output([sys.executable, "-c", code], env=env, text=True) == "1.0\n"

    (out / "project/runs").mkdir()
    (out / "project/run.py").write_text("damaged")
    assert run_there(out).returncode == 0
    assert (out / "project/runs").is_dir()
    assert (out / "project/run.py").read_text() == "print('hello')\n"
    assert not (out / unpack.SCRATCH).exists()


@pytest.fixture
def parted(here, tmp_path):
    """Several parts of which one file is cut, in a folder as it arrives."""
    noise = os.urandom(3 * 2**20)
    (here / "noise.bin").write_bytes(noise)
    checkout.git(here, "add", "noise.bin")
    assert offline.main(["--part_mib=1", str(tmp_path / "out")]) == 0
    return tmp_path / "out", noise


def test_parts_in_several_deliveries(parted, tmp_path, capsys):
    out, noise = parted
    there = tmp_path / "there"
    there.mkdir()
    names = sorted(path.name for path in out.glob("part_*"))
    assert len(names) == 4
    for first in ("unpack.py", "part_001.tar"):
        (there / first).write_bytes((out / first).read_bytes())
    assert "manifest.json is missing" in run_there(there).stderr
    (there / "manifest.json").write_bytes((out / "manifest.json").read_bytes())
    (there / "part_003.tar").write_bytes((out / "part_003.tar").read_bytes()[:-1])
    done = run_there(there, str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    assert done.stderr == (
        "error: missing: part_000.tar, part_002.tar; damaged: part_003.tar (1 of 4 parts are "
        f"whole); put them into {there} and run this again\n"
    )
    assert (there / "part_001.tar").is_file()
    assert not (tmp_path / "elsewhere").exists()
    for name in names:
        (there / name).write_bytes((out / name).read_bytes())
    assert run_there(there, str(tmp_path / "elsewhere")).returncode == 0
    assert (tmp_path / "elsewhere/project/noise.bin").read_bytes() == noise
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["project"]


def hostile(folder, name, **attributes):
    """A part whose digest agrees, with one member that nobody means well by."""
    member = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(member, key, value)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    folder.mkdir()
    (folder / "part_000.tar").write_bytes(content.getvalue())
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    part = {"name": "part_000.tar", "bytes": len(content.getvalue()), "sha256": digest}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "parts": [part]}))


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("../evil", {}),
        ("data/../../evil", {}),
        ("data/link", {"type": tarfile.SYMTYPE, "linkname": "../../../evil"}),
        ("data/link", {"type": tarfile.LNKTYPE, "linkname": "../../../../evil"}),
        ("data/pipe", {"type": tarfile.FIFOTYPE}),
        ("data/null", {"type": tarfile.CHRTYPE}),
    ],
)
def test_members_that_leave_the_folder_are_refused(tmp_path, name, attributes):
    hostile(tmp_path / "in", name, **attributes)
    with pytest.raises(unpack.Refusal, match="part_000"):
        unpack.unpack(tmp_path / "in", tmp_path / "in")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("in", "manifest.json", "part_000.tar")
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "[" * 10**5, '{"parts": [{"name": "../x.tar"}]}', '{"parts": [{}]}', "\0"],
)
def test_a_damaged_manifest_is_one_line(tmp_path, text, capsys, monkeypatch):
    (tmp_path / "manifest.json").write_text(text)
    monkeypatch.setattr(unpack, "__file__", str(tmp_path / "unpack.py"))
    assert unpack.main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"error: .*manifest\.json cannot be read .*; copy it again\n", err)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "required: OUT; see python -m gen_jax.offline --help"),
        (["OUT", "--part_mib=0.5"], "--part_mib must be 1 or more"),
        (["OUT", "--part_mib=nan"], "--part_mib must be 1 or more"),
        (["OUT", "--data=HERE"], "no packed data set in it; python -m gen_jax.data.pack"),
        (["OUT", "--data=DATA", "--data=DATA"], "data/mnist/packed.json is in another --data"),
        (["OUT", "--have=none.txt"], "No such file or directory: none.txt"),
        (["OUT", "--have=HERE/run.py"], "run.py: no NAME==VERSION in it"),
        (["HERE"], "would be mixed up; take another folder"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(argv, said, here, data, tmp_path, capsys):
    places = {"OUT": tmp_path / "out", "HERE": here, "DATA": data}
    for name, path in places.items():
        argv = [arg.replace(name, str(path)) for arg in argv]
    assert offline.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert not (tmp_path / "out").exists()


def test_damaged_data_are_not_packed(here, data, tmp_path, capsys):
    copied = tmp_path / "copied" / "mnist"
    copied.mkdir(parents=True)
    for path in (data / "mnist").iterdir():
        (copied / path.name).write_bytes(path.read_bytes()[: 300 if "test" in path.name else None])
    assert offline.main([f"--data={copied.parent}", str(tmp_path / "out")]) == 2
    assert "test_000.npz: it is not the file that packed.json tells of" in capsys.readouterr().err


def test_unpacking_stands_alone():
    """It is copied to where nothing of this project is."""
    imported = re.findall(r"(?m)^\s*(?:import|from) (\w+)", Path(unpack.__file__).read_text())
    assert set(imported) <= set(sys.stdlib_module_names)
