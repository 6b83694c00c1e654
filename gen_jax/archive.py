"""Runs in a few files of a bounded size, to be carried elsewhere and gone on with there."""

import gzip
import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError
from gen_jax.report.comparison import runs

NAME, SUMS = "runs.tar.gz", "SHA256SUMS"
_LEFT_OUT = ("checkpoints", "training.lock")


def write(entries: Sequence[str], out: Path, part_bytes: int) -> list[Path]:
    """Packs runs into `OUT/runs.tar.gz.000`, `.001`, ..., which one after the other are a .tar.gz.

    A run is packed whole but for checkpoints, of which the newest goes along, and below its path
    without what all runs have in front. The same files give the same bytes. SHA256SUMS, written
    last, holds the digest of every part; parts of an earlier archive are removed.

    Args:
      entries: workdirs of runs, or globs of them; none of them may be training.
      out: the folder to write into.
      part_bytes: the size of a part at most.

    Returns:
      The paths of the parts.

    Raises:
      UserError: an entry that names no run, or something in a run that is no file.
      OSError: the folder cannot be written.
    """
    paths = runs.find(entries)
    for stale in [*out.glob(f"{NAME}.*"), *out.glob(SUMS)]:
        stale.unlink()
    parts = _Parts(out, part_bytes)
    with (
        gzip.GzipFile(fileobj=cast(BinaryIO, parts), mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in zip(runs.names(paths), paths, strict=True):
            for file in _files(path):
                member = archive.gettarinfo(file, f"{name}/{file.relative_to(path).as_posix()}")
                if not member.isreg():
                    raise UserError(f"{file} is no file of its own; put a copy in its place")
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mode = 0o644
                with file.open("rb") as content:
                    archive.addfile(member, content)
    written = parts.finish()
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in written)
    write_bytes(out / SUMS, "".join(f"{line}\n" for line in sums).encode())
    return written


def _files(path: Path) -> Iterator[Path]:
    """The files of a run, in order, of its checkpoints only the newest."""
    for part in sorted(path.iterdir()):
        if part.name not in _LEFT_OUT:
            yield from [part] if not part.is_dir() else _below(part)
    steps = [each for each in path.glob("checkpoints/*") if each.name.isdigit()]
    if steps:
        yield from _below(max(steps, key=lambda each: int(each.name)))


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


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
        path = self._out / f"{NAME}.{len(self._written):03}"
        write_bytes(path, bytes(self._rest[:count]))
        del self._rest[:count]
        self._written.append(path)
