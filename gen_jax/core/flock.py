"""Locks of the operating system on files: a killed process leaves none behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has none, and there nothing is locked
    fcntl = None  # type: ignore[assignment]


@contextmanager
def taken(path: Path) -> Iterator[tuple[IO[str], bool]]:
    """Opens a file, made if it is absent, and locks it until the context or the process ends.

    Gives the file, to append to and to read, and whether it is ours: False where another process
    has it. Where the file system has no locks, as some network ones, it always is. A child that
    inherits the descriptor keeps the lock as well.

    Raises:
      OSError: the file cannot be written.
    """
    with path.open("a+", encoding="utf-8") as file:
        ours = True
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            ours = False
        except OSError:
            pass  # a file system without locks
        yield file, ours


def held(path: Path) -> bool:
    """Whether another process has a file; False where there is none, or no locks.

    Looking never keeps one from being taken but for the moment of the look.
    """
    try:
        with path.open("r", encoding="utf-8") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
