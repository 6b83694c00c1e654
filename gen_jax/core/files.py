"""Files written all or nothing."""

import os
import re
from pathlib import Path

_SCRATCH = re.compile(r"\..+\.\d+")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Replaces a file in one move, making its folder first: a reader never meets half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(content)
    os.replace(scratch, path)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Removes what writers that were killed left below a folder."""
    for path in Path(folder).rglob(".*"):
        if path.is_file() and _SCRATCH.fullmatch(path.name):
            path.unlink(missing_ok=True)
