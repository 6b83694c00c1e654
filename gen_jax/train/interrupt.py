"""A clean stop on Ctrl-C or SIGTERM: the step under way ends, a checkpoint is made."""

import signal
import time
from types import FrameType
from typing import Self

ECHO = 2.0
"""Seconds within which another signal is the same wish: who stops a job often signals a process and
the one that started it, which passes it on."""


class Interrupted(Exception):
    """Training stopped because of a signal, its state saved at `step`.

    Attributes:
      step: steps done.
      code: the shell's exit code for that signal (130 for Ctrl-C, 143 for SIGTERM).
    """

    def __init__(self, step: int, number: int) -> None:
        super().__init__(f"stopped at step {step}; the same command goes on from there")
        self.step, self.code = step, 128 + number


class StopSignals:
    """Within the context, remembers SIGINT and SIGTERM in `received`.

    Another one after `ECHO` acts at once.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> Self:
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._previous = {number: signal.signal(number, self._receive) for number in numbers}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received, self._since = number, now
        elif now - self._since > ECHO:
            previous = self._previous[signal.Signals(number)]
            signal.signal(number, previous)
            signal.raise_signal(number)
