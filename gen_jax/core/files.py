"""Files written all or nothing, and paths as users write them."""

import contextlib
import os
import re
from pathlib import Path

_SCRATCH = re.compile(r"\..+\.\d+")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Replaces a file in one move, making its folder first: a reader never meets half a file.

    Of one that cannot be written, on a full disk say, nothing stays; its OSError names the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    # A workdir from elsewhere may hold a link of this name; "x" writes through none.
    with contextlib.suppress(FileNotFoundError):
        scratch.unlink()
    try:
        with scratch.open("xb") as file:
            file.write(content)
        os.replace(scratch, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise


def is_scratch(name: str) -> bool:
    """Whether a file of this name is what a writer leaves that was killed."""
    return _SCRATCH.fullmatch(name) is not None


def sweep(folder: str | os.PathLike[str]) -> None:
    """Removes what writers that were killed left below a folder."""
    for path in Path(folder).rglob(".*"):
        if path.is_file() and is_scratch(path.name):
            path.unlink(missing_ok=True)


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with ~ as the home folder; that of an unknown user stays as it is, and is absent."""
    return Path(os.path.expanduser(path))
