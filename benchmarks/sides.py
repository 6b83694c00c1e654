"""Two programs timed side by side: each in a process of its own, a window of each in turn.

A side is a script that calls `serve`. It prints a line of JSON about itself once it is warm, and
then, for every line with a number of steps that it reads, one with the seconds they took. What one
side leaves behind (threads, caches, device memory) cannot slow the other, and what slows the
machine slows both.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

NUM_CLASSES = {"cifar10": 10, "cifar100": 100}
"""Of the data sets that images are made up in the place of."""


def serve(about: dict[str, Any], run: Callable[[int], float]) -> None:
    """Answers until the input ends; `run` takes steps and returns the seconds they took."""
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": run(int(line))}), flush=True)


class Side:
    """A script that serves, running.

    Attributes:
      about: what it said of itself.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None):
        """Starts it and waits until it is warm; RuntimeError with its last words if it ends."""
        # A pipe nobody reads would fill up.
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 (until `__exit__`)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | (environment or {}),
        )
        self.about = self._answer()

    def run(self, steps: int) -> float:
        """Seconds of so many steps."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._answer()["seconds"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # Libraries print as well; an answer is the first line that is a JSON object.
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self._errors.seek(0)
        words = self._errors.read().strip().splitlines()
        self.__exit__()
        raise RuntimeError(words[-1] if words else "ended without a word")


def commit() -> str:
    """The commit of this checkout, "-dirty" if the code measured is not quite that."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parents[1]), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "gen_jax", "configs", "benchmarks")
    return git("describe", "--always") + ("-dirty" if changed else "")


def described(processor: str, instructions: str) -> str:
    """A processor by its name and whether its vectors are the wide ones, twice as fast."""
    return f"{processor}, {'with' if 'avx512f' in instructions.split() else 'without'} AVX-512"


def write(path: str, script: str, result: dict[str, Any]) -> None:
    """Writes what a script measured as JSON, with its command, the commit and the machine."""
    from gen_jax.core import machine  # not where sides are PyTorch's

    made = {
        "command": " ".join([f"python benchmarks/{script}", *sys.argv[1:]]),
        "commit": commit(),
        "processors": os.cpu_count(),
        "processor": described(machine.processor(), machine.instructions()),
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(made | result, indent=1) + "\n")


def gibibytes(memory: dict[str, float]) -> str:
    """A side's peak: the device's where it counts one, else the process's."""
    peak = memory.get("memory/device", memory.get("memory/host"))
    return "" if peak is None else f"{peak:.2f}"


def interleaved(sides: dict[str, Side], seconds: float, windows: int) -> dict[str, list[float]]:
    """Seconds per step of each side in each window, one window of each in turn.

    A window has as many steps as take `seconds`, by a first one that is not counted.
    """
    steps = {name: max(1, round(seconds / side.run(1))) for name, side in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(windows):
        for name, side in sides.items():
            times[name].append(side.run(steps[name]) / steps[name])
    return times


def ratio(times: dict[str, list[float]], ours: str, theirs: str) -> dict[str, float]:
    """How many times as fast ours is: the median over pairs of windows, the least and the most."""
    ratios = [b / a for a, b in zip(times[ours], times[theirs], strict=True)]
    return {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
