"""Runs in a few files of a bounded size, to be carried elsewhere and gone on with there."""

import gzip
import hashlib
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from gen_jax.core import flock
from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError
from gen_jax.report.comparison import runs
from gen_jax.train import lock

NAME, SUMS = "runs.tar.gz", "SHA256SUMS"


def write(entries: Sequence[str], out: Path, part_bytes: int) -> list[Path]:
    """Packs runs into `OUT/runs.tar.gz.000000`, ..., which one after the other are a .tar.gz.

    A run is packed whole but for checkpoints, of which the newest goes along, under its path
    without what all runs have in front. The same files give the same bytes. SHA256SUMS, written
    last, holds the digest of every part; parts of an earlier archive go.

    Args:
      entries: workdirs of runs, or globs of them.
      out: the folder to write into.
      part_bytes: the size of a part at most.

    Returns:
      The paths of the parts.

    Raises:
      UserError: an entry that names no run, a run that is being trained, something in a run that
        is no file of its own, or a folder within a run.
      OSError: the folder cannot be written, or the disk is full. An earlier archive is as it was
        then, as after any error.
    """
    paths = runs.find(entries)
    for path in paths:
        if out.resolve().is_relative_to(path.resolve()):
            raise UserError(f"{out} lies in {path}, which is to be packed; use another --workdir")
    members = [
        (f"{name}/{file.relative_to(path).as_posix()}", file)
        for name, path in zip(runs.below(paths), paths, strict=True)
        for file in _files(path)
    ]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".archive.", dir=out) as scratch:
        # An earlier archive stays until this one is whole: the disk may be full.
        _pack(members, Path(scratch), part_bytes)
        for stale in [*out.glob(f"{NAME}.*"), *out.glob(SUMS)]:
            stale.unlink()
        for path in sorted(Path(scratch).iterdir(), key=lambda path: path.name == SUMS):
            path.rename(out / path.name)  # the sums last: with them an archive is whole
    return sorted(out.glob(f"{NAME}.*"))


def _pack(members: Sequence[tuple[str, Path]], out: Path, part_bytes: int) -> None:
    """Writes the parts, and their sums, of these files by the names they get."""
    parts = _Parts(out, part_bytes)
    with (
        gzip.GzipFile(fileobj=cast(BinaryIO, parts), mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, file in members:
            member = archive.gettarinfo(file, name)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o644
            with file.open("rb") as content:
                archive.addfile(member, content)
    written = parts.finish()
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in written)
    write_bytes(out / SUMS, "".join(f"{line}\n" for line in sums).encode())


def _files(path: Path) -> Iterator[Path]:
    """The files of a run, in order, of its checkpoints only the newest."""
    if flock.held(path / lock.NAME):
        raise UserError(f"{path} is being trained; wait until that has ended")
    steps = [each for each in path.glob("checkpoints/*") if each.name.isdigit()]
    newest = [max(steps, key=lambda each: int(each.name))] if steps else []
    parts = [each for each in path.iterdir() if each.name not in ("checkpoints", lock.NAME)]
    for part in [*sorted(parts), *newest]:
        for file in [part, *sorted(part.rglob("*"))]:
            if file.is_symlink() or not (file.is_file() or file.is_dir()):
                raise UserError(f"{file} is no file of its own; put a copy in its place")
            if file.is_file():
                yield file


class _Parts:
    """A file to write to, whose bytes go to files of a bounded size."""

    def __init__(self, out: Path, most: int):
        self._out, self._most = out, most
        self._written: list[Path] = []
        self._rest = bytearray()

    def write(self, content: bytes) -> int:
        """Appends bytes."""
        self._rest += content
        while len(self._rest) > self._most:
            self._save(self._most)
        return len(content)

    def flush(self) -> None:
        """Does nothing: what is short of a part waits for more."""

    def finish(self) -> list[Path]:
        """Writes what is left; the paths of all parts."""
        if self._rest or not self._written:
            self._save(len(self._rest))
        return self._written

    def _save(self, count: int) -> None:
        path = self._out / f"{NAME}.{len(self._written):06}"
        write_bytes(path, bytes(self._rest[:count]))
        del self._rest[:count]
        self._written.append(path)
