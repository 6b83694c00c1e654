import io
import json
import os
import tarfile

import pytest

from gen_jax.errors import UserError
from gen_jax.offline import project
from gen_jax.train import workdir
from tests.offline import checkout


@pytest.fixture
def root(tmp_path):
    return checkout.make(tmp_path / "checkout")


def test_what_git_knows_and_the_commit(root, tmp_path):
    content, version = project.archive(root)
    assert version == {"git_commit": checkout.git(root, "rev-parse", "HEAD"), "git_dirty": True}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        tar.extractall(tmp_path / "copy", filter="data")
    assert names == [
        *(".gitignore", "deep/größe.txt", "link", "run.py", "setup.cfg", workdir.COMMIT)
    ]
    assert (tmp_path / "copy/link").read_text() == "x" * 3000
    assert (tmp_path / "copy/run.py").stat().st_mode & 0o777 == 0o755
    assert workdir.version_of(tmp_path / "copy") == version
    assert project.unknown(root) == ["new.py"]


def test_a_name_that_is_no_text_is_named_all_the_same(root):
    name = os.fsdecode(b"scan\xff.png")
    (root / name).write_text("")
    assert project.unknown(root) == ["new.py", name]


def test_the_same_files_give_the_same_bytes(root):
    assert project.archive(root) == project.archive(root)


def test_dates_stay_lest_python_takes_compiled_files_for_newer_sources(root):
    with tarfile.open(fileobj=io.BytesIO(project.archive(root)[0])) as tar:
        assert tar.getmember("run.py").mtime == int((root / "run.py").stat().st_mtime)


def test_outside_a_checkout(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is no git checkout"):
        project.archive(tmp_path)
    (tmp_path / ".git").write_text("gitdir: nowhere")
    with pytest.raises(UserError, match="git ls-files failed: fatal"):
        project.archive(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git is needed"):
        project.archive(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", json.dumps({"git_commit": 1})])
def test_a_copy_whose_commit_cannot_be_read_has_none(tmp_path, text):
    (tmp_path / workdir.COMMIT).write_text(text)
    assert workdir.version_of(tmp_path) == {"git_commit": None, "git_dirty": None}
