"""What is known of each command of a queue: a folder of its own, with its log and how it ended."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gen_jax.core import flock, strict_json
from gen_jax.core.files import write_bytes
from gen_jax.queue.commands import Command
from gen_jax.report.tables import duration

LOG, _ENDED, _LOCK = "log.txt", "ended.json", "running.lock"
_SIGNALS = (130, 143)
"""Exit codes of a command that Ctrl-C or SIGTERM ended."""
_ATTEMPTS = 3
_TAIL = 4096
"""Bytes of a log that its last line is looked for in."""


class Mark(NamedTuple):
    """A state ("to do", "running", "done", "interrupted" or "failed") and what is said of it."""

    state: str
    about: str


def folder(root: Path, command: Command) -> Path:
    """The folder of a command."""
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in command.name)
    return root / f"{safe[:80]}-{command.key}"


def read(root: Path, command: Command) -> Mark:
    """Where a command stands, running ones included."""
    place = folder(root, command)
    if flock.held(place / _LOCK):
        return Mark("running", last_line(place / LOG))
    return ended(root, command)


def ended(root: Path, command: Command) -> Mark:
    """How a command ended; "to do" if it never did, or what it made or worked on is there no more.

    That is if its workdir has been removed since, or was another (by a variable), or a command
    upstream has ended since it began.
    """
    log = folder(root, command) / LOG
    found = _end(root, command)
    if found is None:
        return Mark("to do", "")
    if found.code in _SIGNALS:
        return Mark("interrupted", last_line(log))
    if found.code != 0:
        return Mark("failed", f"exit code {found.code}: {last_line(log)}")
    if not command.where.is_dir():
        return Mark("to do", "workdir removed")
    if found.where not in (None, str(command.where)) and "$" not in str(command.where):
        return Mark("to do", f"its workdir was {found.where}")
    began = found.time - found.seconds
    ends = ((each, _end(root, each)) for each in command.upstream)
    anew = [each.name for each, end in ends if end is not None and end.time > began]
    if anew:
        return Mark("to do", f"{anew[0]} was made anew")
    return Mark("done", duration(found.seconds))


def begin(root: Path, command: Command) -> None:
    """Forgets how a command ended, before it runs again: it may be killed with the queue."""
    (folder(root, command) / _ENDED).unlink(missing_ok=True)


def write(root: Path, command: Command, content: dict[str, Any]) -> None:
    """Records how a command ended: its exit code and seconds."""
    where = {"args": command.args, "workdir": str(command.where), "time": time.time()}
    text = json.dumps(where | content, indent=1) + "\n"
    write_bytes(folder(root, command) / _ENDED, text.encode())


class _End(NamedTuple):
    """The end of a command: exit code, seconds it took, wall time, workdir if that is known."""

    code: int
    seconds: float
    time: float
    where: str | None


def _end(root: Path, command: Command) -> _End | None:
    path = folder(root, command) / _ENDED
    try:
        content = strict_json.read(path)
        moment = float(content.get("time", path.stat().st_mtime))
        return _End(
            int(content["exit_code"]), float(content["seconds"]), moment, content.get("workdir")
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@contextmanager
def held(root: Path, command: Command) -> Iterator[int | None]:
    """Holds a command while it runs; gives the lock's descriptor, None if another process has it.

    A process that inherits the descriptor holds the command as well.
    """
    place = folder(root, command)
    place.mkdir(parents=True, exist_ok=True)
    for attempt in range(_ATTEMPTS):
        with flock.taken(place / _LOCK) as (file, ours):
            if ours or attempt == _ATTEMPTS - 1:
                yield file.fileno() if ours else None
                return
        time.sleep(0.05)  # somebody may only be looking


def last_line(log: Path) -> str:
    """The last line of a log that has letters; "" without one."""
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - _TAIL, 0))
            text = file.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(char if char.isprintable() else " " for char in lines[-1]) if lines else ""
