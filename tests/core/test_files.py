"""Files all or nothing: what is there stays, what cannot be written leaves nothing behind."""

import os

import pytest

from gen_jax.core import files


class FullDisk:
    """A file that is opened, and takes no byte."""

    def __init__(self, path, mode):
        self._file = open(path, mode)  # noqa: SIM115 (closed on leaving)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._file.close()

    def write(self, content):
        self._file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "numbers.json"
    files.write_bytes(path, b"before")
    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "open", lambda path, mode: FullDisk(path, mode))
        with pytest.raises(OSError, match="No space left") as caught:
            files.write_bytes(path, b"after")
    assert caught.value.filename == str(path)
    assert [each.name for each in path.parent.iterdir()] == ["numbers.json"]
    assert path.read_bytes() == b"before"


def test_what_killed_writers_left_is_swept_and_nobody_elses(tmp_path):
    (tmp_path / "deep").mkdir()
    left, own = tmp_path / "deep" / f".a.json.{os.getpid()}", tmp_path / ".hidden"
    for path in (left, own):
        path.write_text("half")
    assert (files.is_scratch(left.name), files.is_scratch(own.name)) == (True, False)
    files.sweep(tmp_path)
    assert (left.exists(), own.exists()) == (False, True)
