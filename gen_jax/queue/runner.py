"""Runs the commands of a queue, each in a process of its own, and shows how far they are."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from gen_jax.errors import UserError
from gen_jax.job import Job
from gen_jax.queue import commands, marks
from gen_jax.queue.commands import Command
from gen_jax.train import workdir
from gen_jax.train.interrupt import StopSignals

ROOT = Path(__file__).resolve().parents[2]
_LOOK = 0.2
"""Seconds between two looks at a command that runs."""
_SAY = 60.0
"""Seconds between two lines about it where the output is no terminal."""


def main(
    path: Path,
    parse: Callable[[Sequence[str]], Job],
    root: Path | None = None,
    only: int | None = None,
    status: bool = False,
) -> int:
    """Runs what of a queue is not done; returns the exit code.

    That is 0 if all is done, 128 + signal if it was stopped, else the worst of its commands'. The
    signal is passed on to the command that runs, which saves and ends; the same call goes on from
    there. Several processes may share a queue: each takes the next command that nobody runs.

    Args:
      path: the file.
      parse: from the arguments of a command to its job.
      root: where the commands' logs and marks are kept; runs/queues/NAME if not given.
      only: the one command to run, counted from 1.
      status: whether to print how far it is, and run nothing.

    Raises:
      UserError: the file or a line of it is wrong, or there is no command `only`.
    """
    queue = commands.read(path, dict(os.environ), parse)
    root = root or Path("runs") / "queues" / path.stem
    chosen = queue if only is None else [each for each in queue if each.number == only]
    if not chosen:
        raise UserError(f"--only={only}: {path} has commands 1 to {len(queue)}")
    if status:
        print(table(root, queue))
        return 0
    view = View(sys.stderr, len(queue))
    worst = 0
    with StopSignals() as signals:
        for command in chosen:
            with marks.held(root, command) as lock:
                if lock is None:
                    view.line(command, "runs elsewhere: passed over")
                    continue
                if marks.ended(root, command).state == "done":
                    continue
                code = _run(root, command, lock, view, signals)
            if signals.received is not None:
                view.line(command, "stopped; the same command goes on from there")
                return 128 + signals.received
            worst = max(worst, code)
    print(table(root, chosen))
    return worst


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


def _run(root: Path, command: Command, lock: int, view: View, signals: StopSignals) -> int:
    """Runs a command to its end, or until it has answered a signal; returns its exit code."""
    log = marks.folder(root, command) / marks.LOG
    script = ROOT / "run.py"
    started = time.monotonic()
    view.line(command, f"starts; log in {log}")
    # A session of its own: Ctrl-C reaches it once, through here.
    with (
        log.open("ab") as out,
        subprocess.Popen(
            [sys.executable, os.path.relpath(script), *command.args],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            pass_fds=(lock,),
            start_new_session=True,
        ) as process,
    ):
        passed_on = False
        while process.poll() is None:
            if signals.received is not None and not passed_on:
                process.send_signal(signals.received)
                passed_on = True
            view.passing(command, marks.last_line(log))
            time.sleep(_LOOK)
    seconds = time.monotonic() - started
    # Shells count a process that a signal ended so.
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    about = {"exit_code": code, "seconds": seconds} | workdir.code_version()
    marks.write(root, command, about)
    mark = marks.ended(root, command)
    view.line(command, f"{mark.state}: {mark.about}")
    return code
