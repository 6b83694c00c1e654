"""One process at a time trains in a workdir."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gen_jax.core import flock
from gen_jax.errors import UserError

NAME = "training.lock"


@contextmanager
def exclusive(workdir: Path) -> Iterator[None]:
    """Holds a workdir until the context, or the process, ends, however it ends.

    The file `training.lock` stays, and means nothing by itself. It names who holds the workdir.

    Raises:
      UserError: another process holds the workdir, or its file cannot be written.
    """
    with ExitStack() as stack:
        try:
            file, ours = stack.enter_context(flock.taken(workdir / NAME))
        except OSError as error:
            raise UserError(f"cannot write {workdir / NAME}: {error.strerror}") from error
        if not ours:
            file.seek(0)
            raise UserError(
                f"{workdir} is being trained by {file.read() or 'another process'}; wait until it "
                "has ended, or use another --workdir"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
