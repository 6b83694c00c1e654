import subprocess
from importlib import metadata

import pytest

from gen_jax.errors import UserError
from gen_jax.offline import project, wheels
from gen_jax.offline.wheels import Target
from tests.offline import checkout

HERE = {
    "jax": ("0.10.2", ["jaxlib==0.10.2", "numpy>=2"]),
    "jaxlib": ("0.10.2", ["numpy>=2"]),
    "numpy": ("2.4", []),
    "clu": ("0.1", ["etils[epath]", "jax", "wrapt", "pytest; extra == 'test'"]),
    "etils": ("1.15", ["zipp; extra == 'epath'", "etils[epy]; extra == 'epath'", "six"]),
    "wrapt": ("2.5", ["old; python_version < '3.12'", "new; python_version >= '3.12'"]),
    "zipp": ("4.1", []),
    "six": ("1.17", []),
    "old": ("1.0", []),
    "new": ("1.0", []),
    "tfds": ("4.9", ["promise", "wrapt"]),
    "winonly": ("1.0", []),
}


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    def found(name):
        if name not in HERE:
            raise metadata.PackageNotFoundError(name)
        return HERE[name]

    monkeypatch.setattr(wheels.metadata, "version", lambda name: found(name)[0])
    monkeypatch.setattr(wheels.metadata, "requires", lambda name: found(name)[1] or None)


LINUX = Target("3.12", "manylinux_2_28_x86_64")


def lacking(needed, there="", without=(), target=LINUX):
    versions = dict(item.split("==") for item in there.split())
    return " ".join(wheels.lacking(needed, versions, without, target))


def test_what_is_needed_in_turn_and_not_there():
    assert lacking(["clu"], "jax==0.10.2 zipp==3.0") == "clu etils new six wrapt"
    assert lacking(["clu>=0.1", "jax"], "jax==0.11 etils==1 wrapt==1") == "clu zipp"
    assert lacking(["clu"], "jax==0.10.2 clu==0.2") == ""
    assert wheels.lacking(["six"], {}, (), Target()) == {"six": "1.17"}


def test_too_old_is_not_there_but_for_jax():
    assert lacking(["numpy>=2"], "numpy==1.26") == "numpy"
    assert lacking(["numpy>=2"], "numpy==odd") == ""
    with pytest.raises(UserError, match=r"jax 0\.4 there is not >=0\.10.*update it.*--without=jax"):
        lacking(["jax>=0.10"], "jax==0.4")
    assert lacking(["jax>=0.10", "six"], "jax==0.4", without=["jax"]) == "six"


def test_left_out_with_what_only_that_needs():
    with pytest.raises(UserError, match="promise is needed there and not installed here"):
        lacking(["tfds", "six"])
    assert lacking(["tfds", "six"], without=["TFDS"]) == "six"


def test_markers_are_those_of_the_other_machine():
    only = ["winonly; platform_system == 'Windows'", "old; platform_machine == 'aarch64'"]
    assert lacking(["wrapt"], target=Target("3.11", "")) == "old wrapt"
    assert lacking(only) == ""
    assert lacking(only, target=Target("3.11", "win_amd64")) == "winonly"
    assert lacking(only, target=Target("3.13", "manylinux2014_aarch64")) == "old"
    for target in (Target("3"), Target("4.0"), Target("3.12.1")):
        with pytest.raises(UserError, match=r"must be like 3\.12"):
            lacking(["six"], target=target)
    with pytest.raises(UserError, match="must be like manylinux_2_28_x86_64"):
        lacking(["six"], target=Target("", "linux"))


def test_what_pip_says_is_there():
    text = "jax==0.10.2\nml_collections==1.1\ntool @ file:///x.whl\n# note==1\n-e git+x#egg=y\n"
    assert wheels.installed(text) == {"jax": "0.10.2", "ml-collections": "1.1", "tool": ""}
    assert wheels.lacking(["six"], {"six": ""}, (), Target()) == {}
    with pytest.raises(UserError, match="pip list --format=freeze"):
        wheels.installed("Package Version\n------- -------\njax     0.10.2\n")


def test_what_this_project_needs_is_read_from_its_checkout(tmp_path):
    root = checkout.make(tmp_path / "checkout")
    assert wheels.requirements(root) == ["jax>=0.10", "tool>=1; python_version > '3'"]
    ours = wheels.requirements(project.ROOT)
    assert any(line.startswith("clu") for line in ours)
    for name in wheels.WITHOUT:
        assert any(line.replace("_", "-").startswith(name) for line in ours)


def test_named_packages_have_the_version_they_have_here():
    assert wheels.named(["six", "clu==0.0.9", "unheard-of"]) == [
        *("six==1.17", "clu==0.0.9", "unheard-of")
    ]
    with pytest.raises(UserError, match="'a b' is no package's name"):
        wheels.named(["a b"])


def test_tags_of_what_a_platform_runs():
    assert wheels.tags("manylinux_2_19_x86_64") == [
        *("manylinux_2_19_x86_64", "manylinux_2_18_x86_64", "manylinux_2_17_x86_64"),
        "manylinux2014_x86_64",
    ]
    assert wheels.tags("win_amd64") == ["win_amd64"]
    assert wheels.tags("") == []


def test_pip_is_asked_for_wheels_of_the_other_machine(tmp_path, monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        checkout.wheel(tmp_path)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(wheels.subprocess, "run", run)
    found = wheels.download(["six==1.17"], Target("3.12", "win_amd64"), tmp_path)
    assert [path.name for path in found] == ["tool-1.0-py3-none-any.whl"]
    for flag in ("--no-deps", "--only-binary=:all:", "--python-version=3.12", "six==1.17"):
        assert flag in asked[0]
    assert "--platform=win_amd64" in asked[0]


def test_pips_own_reason(tmp_path, monkeypatch):
    said = "WARNING: x\nERROR: No matching distribution found for promise\n\n[notice] new pip"
    monkeypatch.setattr(
        wheels.subprocess, "run", lambda command, **_: subprocess.CompletedProcess([], 1, "", said)
    )
    with pytest.raises(UserError, match=r"pip download failed: ERROR: No matching.*promise; or"):
        wheels.download(["promise"], Target(), tmp_path)
