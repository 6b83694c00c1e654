"""`audit/ledger.jsonl`: what a training went through, in lines that are chained by their hashes.

Two kinds of line. "begin" says under what the steps after it were made: config, data, code and
versions; there is one more each time a run is resumed. "step" says what the run was after a step:

  state    `core.digest` of everything a checkpoint holds
  leaves   the first 64 bits of each array's digest, in the order of the last begin line's `leaves`
  indices  a chain over the images and flips of every step so far
  content  the pixels and labels of the last step's batch
  keys     the keys of the last step, one per example and the batch's, as the devices derive them
  metrics  the last step's losses

Every line has `previous`, the hash of the line before (64 zeros at first), and `hash`, SHA-256 of
itself without that entry, as JSON with sorted keys. So a line that was edited, lost or moved shows.
Whoever rewrites all lines after it leaves no trace here: that is what a replay is for, and why the
last hash, the head, is worth publishing.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax

from gen_jax.core import digest, strict_json
from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError

FILE = Path("audit") / "ledger.jsonl"
ORIGIN = "0" * 64
"""What the first line follows."""
SHORT = 16
"""Hex digits of an array's digest in `leaves`."""
MOST_WAITING = 2
"""Lines whose digests have not been taken yet."""

MOST_BYTES = 2**30
"""Of the file; a run of a million steps has a tenth of that."""

Line = dict[str, Any]


class Chain(NamedTuple):
    """The lines of a ledger that are as they were written, and what is wrong after them, if so."""

    lines: list[Line]
    fault: str = ""

    def begun(self) -> list[Line]:
        """The lines of kind "begin"."""
        return [line for line in self.lines if line["kind"] == "begin"]

    def steps(self) -> dict[int, Line]:
        """The lines of kind "step", by step."""
        return {line["step"]: line for line in self.lines if line["kind"] == "step"}

    def gaps(self) -> list[tuple[int, int]]:
        """(from, to) between which steps were trained that no line is about: without a ledger."""
        found, last = [], 0
        for line in self.lines:
            if line["kind"] == "begin" and line["step"] > last:
                found.append((last, line["step"]))
            last = line["step"]
        return found

    def head(self) -> str:
        """The hash of the last line."""
        return self.lines[-1]["hash"] if self.lines else ORIGIN


def read(workdir: Path) -> Chain:
    """The ledger of a workdir, up to its first fault; empty where there is no file.

    A last line that a killed process left unfinished is no fault, and is left out.
    """
    path = workdir / FILE
    if not path.exists():
        return Chain([])
    if path.stat().st_size > MOST_BYTES:
        return Chain([], f"{path.name} has over {MOST_BYTES // 2**20} MiB")
    lines: list[Line] = []
    leaves: list[str] = []
    texts = path.read_bytes().split(b"\n")
    for number, text in enumerate(texts[:-1], start=1):  # what follows the last newline is no line
        where = f"line {number} of {path.name}"
        try:
            line = strict_json.parse(text.decode())
            leaves = line["leaves"] if line["kind"] == "begin" else leaves
            if not _is_line(line, len(leaves)):
                raise ValueError("it is no line of a ledger")
        except (ValueError, KeyError, TypeError, AttributeError):
            return Chain(lines, f"{where} cannot be read")
        about = f"{where} ({line['kind']}, step {line['step']})"
        if line["hash"] != _hash({name: value for name, value in line.items() if name != "hash"}):
            return Chain(lines, f"{about} was altered: its hash is not that of its content")
        if line["previous"] != (lines[-1]["hash"] if lines else ORIGIN):
            return Chain(lines, f"{about} does not follow the line before it")
        if not lines and line["kind"] != "begin":
            return Chain(lines, f"{about} comes before any that begins a run")
        lines.append(line)
    return Chain(lines)


def _is_line(line: Line, leaves: int) -> bool:
    """Whether a line has the entries of its kind; `leaves` is how many arrays the state has."""
    texts = ["hash", "previous"]
    if line["kind"] == "step":
        texts += ["state", "indices", "leaves"]
        numbers = line.get("metrics", {}).values()
        fits = len(line["leaves"]) == SHORT * leaves and all(map(strict_json.is_number, numbers))
    else:
        about = [line[name] for name in ("config", "data", "code", "environment")]
        fits = line["kind"] == "begin" and all(isinstance(entry, dict) for entry in about)
        fits = fits and all(isinstance(path, str) for path in line["leaves"])
    return (
        fits
        and strict_json.is_int(line["step"])
        and all(isinstance(line[name], str) for name in texts)
    )


def leaves_of(line: Line) -> list[str]:
    """The short digests of a step line's arrays, in order."""
    text = line["leaves"]
    return [text[i : i + SHORT] for i in range(0, len(text), SHORT)]


def chained(chain: str, step_digest: str) -> str:
    """The chain over steps so far, one step longer."""
    return hashlib.sha256(f"{chain}{step_digest}".encode()).hexdigest()


class Ledger:
    """Appends to the ledger of a workdir; digests are taken in a thread of their own.

    Args:
      workdir: where `audit/` is, or will be.
      start: the step training goes on from. Lines of later steps, which an interrupted run wrote
        after its last checkpoint, are dropped.
      state: the state at that step, on one device.
      about: what the begin line says beside "kind", "step" and "leaves".

    Raises:
      UserError: what is there was altered, or is of another state than the one to go on from.
    """

    def __init__(self, workdir: Path, start: int, state: Any, about: Mapping[str, Any]) -> None:
        self.path = workdir / FILE
        found = read(workdir)
        if found.fault and not any(line["step"] > start for line in found.lines[-1:]):
            raise UserError(
                f"{self.path}: {found.fault}; --mode=audit says more. To go on without what it "
                "proves, move the file away"
            )
        kept = [line for line in found.lines if line["step"] <= start]
        steps = Chain(kept).steps()
        leaves = digest.leaf_digests(state)
        entry = {"state": digest.combine(leaves), "leaves": "".join(shortened(leaves))}
        if start in steps and steps[start]["state"] != entry["state"]:
            raise UserError(
                f"the checkpoint of step {start} is not the state {self.path} has for that step; "
                "--mode=audit says more"
            )
        self._head = kept[-1]["hash"] if kept else ORIGIN
        # Where nothing is known of the steps before, the chain says so by starting anew.
        self.indices = steps[start]["indices"] if start in steps else ORIGIN
        write_bytes(self.path, "".join(_text(line) for line in kept).encode())
        self._file = self.path.open("a", encoding="utf-8")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._pending: list[Future[None]] = []
        self._append({"kind": "begin", "step": start, "leaves": list(leaves), **about})
        if start not in steps:
            self._append({"kind": "step", "step": start, "indices": self.indices, **entry})

    def advance(self, step_digest: str) -> None:
        """One more step, of the images and flips that have this digest."""
        self.indices = chained(self.indices, step_digest)

    def record(self, step: int, state: Any, entries: Mapping[str, Any]) -> None:
        """Adds a line about a step, soon; nobody may donate `state` (on one device) meanwhile.

        Entries that are functions are called when the line is written.
        """
        line = {"kind": "step", "step": step, "indices": self.indices, **entries}
        self._pending.append(self._pool.submit(self._digested, line, state))
        # Each that waits holds a state on its device.
        while len(self._pending) > MOST_WAITING:
            self._pending.pop(0).result()

    def wait(self) -> None:
        """Blocks until every line is on the disk; OSError if one could not be written."""
        while self._pending:
            self._pending.pop(0).result()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Waits for what was begun, then closes the file."""
        try:
            self._pool.shutdown()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _digested(self, line: Line, state: Any) -> None:
        leaves = digest.leaf_digests(state)
        fetched = {name: float(value) for name, value in jax.device_get(line["metrics"]).items()}
        known = {name: value() if callable(value) else value for name, value in line.items()}
        of_state = {"state": digest.combine(leaves), "leaves": "".join(shortened(leaves))}
        self._append(known | of_state | {"metrics": fetched})

    def _append(self, line: Line) -> None:
        line = {**line, "previous": self._head}
        line["hash"] = _hash(line)
        self._file.write(_text(line))
        self._file.flush()
        self._head = line["hash"]


def shortened(leaves: Mapping[str, str]) -> list[str]:
    """The short digests of arrays, in the order of their `core.digest.leaf_digests`."""
    return [full[:SHORT] for full in leaves.values()]


def _hash(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()


def _text(line: Line) -> str:
    return json.dumps(line) + "\n"
