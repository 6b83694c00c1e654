"""Files of any size in few archives of a bounded one."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

MEMBER = 4096
"""Bytes that a member takes in an archive beside its own, at most: names here are short."""
ENDING = 2 * tarfile.RECORDSIZE
"""Likewise of what ends an archive."""


class Part(NamedTuple):
    """An archive that was written: its name, its bytes and their SHA-256 (hex)."""

    name: str
    bytes: int
    sha256: str


class Piece(NamedTuple):
    """A file, or what fits into an archive of it, under its name there."""

    name: str
    path: Path
    start: int
    bytes: int


def plan(files: Mapping[str, Path], most_bytes: int) -> list[list[Piece]]:
    """Which pieces go into which archive: the largest first, each into the first with room.

    A file that no archive can hold is cut into `NAME.piece_000`, `NAME.piece_001`, ...

    Args:
        files: what to archive, by the name it is to have there.
        most_bytes: of one archive.
    """
    most = most_bytes - ENDING - MEMBER
    pieces: list[Piece] = []
    for name, path in files.items():
        size = path.stat().st_size
        if size <= most:
            pieces.append(Piece(name, path, 0, size))
            continue
        for number, start in enumerate(range(0, size, most)):
            cut = f"{name}.piece_{number:03}"
            pieces.append(Piece(cut, path, start, min(most, size - start)))
    archives: list[list[Piece]] = []
    room: list[int] = []
    for piece in sorted(pieces, key=lambda piece: (-piece.bytes, piece.name)):
        taken = piece.bytes + MEMBER
        at = next((i for i, left in enumerate(room) if left >= taken), len(room))
        if at == len(room):
            archives.append([])
            room.append(most_bytes - ENDING)
        archives[at].append(piece)
        room[at] -= taken
    return archives


def write(path: Path, pieces: Iterable[Piece]) -> Part:
    """Writes one archive."""
    with tarfile.open(path, "w") as tar:
        for piece in pieces:
            member = tarfile.TarInfo(piece.name)
            member.size = piece.bytes
            with piece.path.open("rb") as file:
                file.seek(piece.start)
                tar.addfile(member, io.BytesIO(file.read(piece.bytes)))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(path.name, path.stat().st_size, digest)
