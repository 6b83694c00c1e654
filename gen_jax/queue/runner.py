"""Runs the commands of a queue, each in a process of its own, and shows how far they are."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gen_jax.errors import UserError
from gen_jax.job import Job
from gen_jax.queue import commands, marks
from gen_jax.queue.commands import Command
from gen_jax.queue.view import View, table
from gen_jax.train import workdir
from gen_jax.train.interrupt import StopSignals

ROOT = Path(__file__).resolve().parents[2]
_LOOK = 0.2
"""Seconds between two looks at a command that runs."""


def main(
    path: Path,
    parse: Callable[[Sequence[str]], Job],
    root: Path | None = None,
    only: int | None = None,
    status: bool = False,
) -> int:
    """Runs what of a queue is not done; returns the exit code.

    That is 0 if all is done, 128 + signal if it was stopped, else the worst of its commands', or 1
    where others are still at it. The signal is passed on to the command that runs, which saves and
    ends; the same call goes on from there. Several processes may share a queue: each takes the next
    command that nobody runs, and none passes a `wait` before the commands above it are done.

    Args:
      path: the file.
      parse: from the arguments of a command to its job.
      root: where the commands' logs and marks are kept; runs/queues/NAME if not given.
      only: the one command to run, counted from 1.
      status: whether to print how far it is, and run nothing.

    Raises:
      UserError: the file or a line of it is wrong, or there is no command `only`.
    """
    queue = commands.read(path, None if status else os.environ, parse)
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
            code = _awaited(root, queue[: command.after], command, view, signals)
            if code == 0:
                code = _tried(root, command, view, signals)
            if signals.received is not None:
                view.line(command, "stopped; the same command goes on from there")
                return 128 + signals.received
            worst = max(worst, code)
    print(table(root, chosen))
    return worst


def _awaited(
    root: Path, needed: Sequence[Command], command: Command, view: View, signals: StopSignals
) -> int:
    """Waits while others run what a command needs; 0 once it is done, 1 if it will not be."""
    while signals.received is None:
        # Read once: what ends between two readings would be neither done nor running.
        found = [(each, marks.read(root, each)) for each in needed]
        open_ = [(each, mark) for each, mark in found if mark.state != "done"]
        running = [(each, mark) for each, mark in open_ if mark.state == "running"]
        if not open_:
            return 0
        if not running:
            view.line(command, f"left out: it needs {open_[0][0].name}, which is not done")
            return 1
        first, mark = running[0]
        view.passing(command, f"waits for {first.name}: {mark.about}")
        time.sleep(_LOOK)
    return 1


def _tried(root: Path, command: Command, view: View, signals: StopSignals) -> int:
    """Runs a command that is not done; its exit code, 1 where another process runs it."""
    with marks.held(root, command) as lock:
        if lock is None:
            view.line(command, "runs elsewhere: passed over")
            return 1
        if marks.ended(root, command).state == "done":
            return 0
        marks.begin(root, command)
        return _run(root, command, lock, view, signals)


def _run(root: Path, command: Command, lock: int, view: View, signals: StopSignals) -> int:
    """Runs a command to its end, or until it has answered a signal; returns its exit code."""
    log = marks.folder(root, command) / marks.LOG
    script = ROOT / "run.py"
    started, code_of = time.monotonic(), workdir.version_of(ROOT)
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
    about = {"exit_code": code, "seconds": seconds} | code_of
    marks.write(root, command, about)
    mark = marks.ended(root, command)
    view.line(command, f"{mark.state}: {mark.about}")
    return code
