"""How far a queue is: a line that goes on, and a table of all commands."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from gen_jax.queue import marks
from gen_jax.queue.commands import Command

_SAY = 60.0
"""Seconds between two lines about a command where the output is no terminal."""


class View:
    """One line on how far a queue is: rewritten on a terminal, else now and then a new one."""

    def __init__(self, out: IO[str], count: int):
        self._out, self._count = out, count
        self._rewrites, self._said, self._open = out.isatty(), 0.0, False

    def line(self, command: Command, text: str) -> None:
        """A line that stays."""
        self._out.write(("\r\x1b[K" if self._open else "") + self._text(command, text) + "\n")
        self._out.flush()
        self._open, self._said = False, time.monotonic()

    def passing(self, command: Command, text: str) -> None:
        """A line that the next one replaces, or that is left out if the last is recent."""
        if self._rewrites:
            width = shutil.get_terminal_size().columns - 1
            self._out.write("\r\x1b[K" + self._text(command, text)[:width])
            self._out.flush()
            self._open = True
        elif time.monotonic() - self._said > _SAY:
            self.line(command, text)

    def _text(self, command: Command, text: str) -> str:
        return f"[{command.number}/{self._count}] {command.name}: {text}"


def table(root: Path, queue: Sequence[Command]) -> str:
    """A line a command: number, state, name and what is known."""
    found = [(each, marks.read(root, each)) for each in queue]
    width = max(len(each.name) for each in queue)
    lines = [
        f"{each.number:4} {mark.state:11} {each.name:{width}}  {mark.about}".rstrip()
        for each, mark in found
    ]
    done = sum(mark.state == "done" for _, mark in found)
    return "\n".join([*lines, f"{done} of {len(queue)} done; logs in {root}"])
