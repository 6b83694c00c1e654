"""One process at a time trains in a workdir."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gen_jax.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has none, and there nothing is locked
    fcntl = None  # type: ignore[assignment]

NAME = "training.lock"


@contextmanager
def exclusive(workdir: Path) -> Iterator[None]:
    """Holds a workdir until the context, or the process, ends, however it ends.

    The lock is the operating system's (flock), so that a killed process leaves none behind: the
    file `training.lock` stays, and means nothing by itself. It names who holds it. Where the file
    system has no locks, as some network ones, nothing is held.

    Raises:
      UserError: another process holds the workdir, or its file cannot be written.
    """
    try:
        file = (workdir / NAME).open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {workdir / NAME}: {error.strerror}") from error
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise UserError(
                f"{workdir} is being trained by {file.read() or 'another process'}; wait until it "
                "has ended, or use another --workdir"
            ) from error
        except OSError:
            pass  # a file system without locks
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
