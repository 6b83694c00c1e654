"""Arrays kept in a folder of the user's cache, named by 32 hex digits of what they are of.

Whatever is absent, damaged or too old is made again. A folder keeps at most `MOST_BYTES`, the files
last used; one that cannot be written keeps nothing.
"""

import contextlib
import io
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from absl import logging

from gen_jax.core import npz
from gen_jax.core.files import write_bytes

MOST_BYTES = 8 * 2**30
"""Of all files of a folder, beyond which those unused for longest go."""
_OURS = re.compile(r"[0-9a-f]{32}\.npz")
"""A folder may hold a user's files as well."""
_SCRATCH = re.compile(rf"\.{_OURS.pattern}\.\d+")
_ABANDONED = 3600
"""Seconds after which a file is no longer being written."""


def read(path: Path, again: str) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None where there is none, or it is damaged, which is logged.

    Args:
      path: the file.
      again: what becomes of it then, such as "decoded again".
    """
    try:
        arrays = npz.read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logging.warning("%s cannot be read (%s): %s.", path, error, again)
        return None
    with contextlib.suppress(OSError):  # a folder may be somebody else's
        os.utime(path)
    return arrays


def write(path: Path, arrays: Mapping[str, np.ndarray], what: str) -> None:
    """Keeps arrays; what does not work is logged, `what` not being kept."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    try:
        write_bytes(path, buffer.getvalue())
        _bound(path.parent)
    except OSError as error:
        logging.warning("%s cannot be written (%s): %s are not kept.", path, error, what)


def _bound(folder: Path) -> None:
    """Removes the files unused for longest, as far as a folder holds too much.

    And what writers left that were killed.
    """
    for path in folder.glob(".*"):
        if _SCRATCH.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()
    files = []
    for path in folder.glob("*.npz"):
        if not _OURS.fullmatch(path.name):
            continue
        with contextlib.suppress(FileNotFoundError):  # another process removes them as well
            files.append((path.stat().st_mtime_ns, path.stat().st_size, path))
    total = 0
    for _, size, path in sorted(files, reverse=True):
        total += size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
