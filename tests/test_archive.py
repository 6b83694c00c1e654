"""Runs in parts of a bounded size: whole again after the way, and gone on with."""

import hashlib
import tarfile

import pytest

from gen_jax import archive, launch
from gen_jax.errors import UserError
from gen_jax.train import lock


@pytest.fixture
def run(tmp_path):
    def make(name, checkpoints=()):
        path = tmp_path / "runs" / name
        (path / "evals").mkdir(parents=True)
        (path / "config.json").write_text(f'{{"config": {{}}, "name": "{name}"}}')
        (path / "evals" / "a.json").write_text("{}" * 500)
        (path / "training.lock").write_text("process 1")
        for step in checkpoints:
            (path / "checkpoints" / str(step) / "d").mkdir(parents=True)
            (path / "checkpoints" / str(step) / "d" / "state").write_bytes(b"%d" % step * 100)
        (path / "checkpoints").mkdir(exist_ok=True)
        (path / "checkpoints" / "9.damaged").mkdir()
        return path

    return make


def unpacked(out, folder):
    whole = folder / "whole.tar.gz"
    whole.write_bytes(b"".join(path.read_bytes() for path in sorted(out.glob("runs.tar.gz.*"))))
    with tarfile.open(whole) as archive:
        archive.extractall(folder, filter="data")
    whole.unlink()


def test_runs_come_back_whole_with_their_newest_checkpoint(run, tmp_path, capsys):
    run("a", checkpoints=(8, 10, 9))
    run("b/seed1")
    out = tmp_path / "back"
    argv = ["--mode=archive", f"--runs={tmp_path}/runs/a,{tmp_path}/runs/b/*", f"--workdir={out}"]
    assert launch.main(argv) == 0
    assert "runs.tar.gz.000000: 0.0 MiB" in capsys.readouterr().out
    there = tmp_path / "there"
    there.mkdir()
    unpacked(out, there)
    found = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    assert found == {
        "a/config.json",
        "a/evals/a.json",
        "a/checkpoints/10/d/state",
        "b/seed1/config.json",
        "b/seed1/evals/a.json",
    }
    assert (there / "a/checkpoints/10/d/state").read_bytes() == b"10" * 100


def test_parts_are_bounded_the_same_every_time_and_named_by_digest(run, tmp_path):
    path = run("a", checkpoints=(3,))
    (path / "noise").write_bytes(hashlib.sha256(b"1").digest() * 40)
    out = tmp_path / "back"
    parts = archive.write([str(path)], out, 100)
    assert len(parts) > 1
    assert all(part.stat().st_size <= 100 for part in parts)
    sums = (out / "SHA256SUMS").read_text().splitlines()
    assert sums == [
        f"{hashlib.sha256(part.read_bytes()).hexdigest()}  {part.name}" for part in parts
    ]
    before = [part.read_bytes() for part in parts]
    assert [part.read_bytes() for part in archive.write([str(path)], out, 100)] == before
    whole = archive.write([str(path)], out, 10**6)
    assert [part.name for part in whole] == ["runs.tar.gz.000000"]
    assert sorted(part.name for part in out.iterdir()) == ["SHA256SUMS", "runs.tar.gz.000000"]


def test_a_run_that_is_training_and_an_archive_before_a_mistake_stay(run, tmp_path):
    path, out = run("a"), tmp_path / "back"
    archive.write([str(path)], out, 100)
    before = {part.name: part.read_bytes() for part in out.iterdir()}
    with lock.exclusive(path), pytest.raises(UserError, match="is being trained"):
        archive.write([str(path)], out, 100)
    (path / "link").symlink_to("config.json")
    with pytest.raises(UserError, match="is no file of its own"):
        archive.write([str(path)], out, 100)
    assert {part.name: part.read_bytes() for part in out.iterdir()} == before


def test_a_full_disk_leaves_the_archive_before(run, tmp_path, monkeypatch):
    path, out = run("a"), tmp_path / "back"
    archive.write([str(path)], out, 100)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    (path / "more").write_bytes(hashlib.sha256(b"1").digest() * 40)
    write, count = archive.write_bytes, []

    def full(*args):
        count.append(args)
        if len(count) == 3:
            raise OSError(28, "No space left on device")
        write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(archive, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            archive.write([str(path)], out, 100)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert len(archive.write([str(path)], out, 100)) > len(before) - 1
    assert not [file for file in out.iterdir() if file.is_dir()]


def test_an_archive_within_what_it_packs_is_refused(run, tmp_path):
    path = run("a")
    for out in (path, path / "back"):
        with pytest.raises(UserError, match="which is to be packed"):
            archive.write([str(path)], out, 100)
    assert not (path / "back").exists()


def test_every_run_below_a_folder(run, tmp_path):
    run("study/a/seed1")
    run("study/b")
    archive.write([str(tmp_path / "runs" / "**")], tmp_path / "back", 10**6)
    there = tmp_path / "there"
    there.mkdir()
    unpacked(tmp_path / "back", there)
    assert (there / "a" / "seed1" / "config.json").is_file()
    assert (there / "b" / "config.json").is_file()


def test_links_and_bad_sizes_are_refused(run, tmp_path, capsys):
    path = run("a")
    (path / "evals" / "secret").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="is no file of its own"):
        archive.write([str(path)], tmp_path / "back", 100)
    argv = ["--mode=archive", f"--runs={path}", f"--workdir={tmp_path / 'back'}", "--part_mib=0"]
    assert launch.main(argv) == 2
    assert "--part_mib=0: at least 1" in capsys.readouterr().err
