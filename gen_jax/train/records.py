"""Scalars of a run: `metrics.jsonl` always, TensorBoard events when TensorFlow is there."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from absl import logging

from gen_jax.core import strict_json
from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError

FILE = "metrics.jsonl"
MOST_BYTES = 2**30
MOST_LETTERS = 2**20
"""Of the file, and of one line."""


class Records:
    """Appends scalars to `metrics.jsonl` in a workdir, one JSON object a line, and to TensorBoard.

    Args:
      workdir: where the file is.
      start: the step training goes on from; lines of later steps, which an interrupted run wrote
        after its last checkpoint, are dropped, as is a line cut short.
      broken_off: whether the line of metrics at `start` is dropped, too: a stop came between two,
        and the next will be of its steps as well.
    """

    def __init__(self, workdir: Path, start: int, broken_off: bool = False) -> None:
        self.path = workdir / FILE
        _drop_after(self.path, start, broken_off)
        self._file = self.path.open("a", encoding="utf-8")
        self._tensorboard = _tensorboard(workdir)

    def write(self, step: int, kind: str, scalars: Mapping[str, float]) -> None:
        """Adds one line of kind "train" or "eval", flushed at once."""
        line = {"step": step, "wall": time.time(), "kind": kind, **scalars}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._tensorboard:
            named = {f"{kind}/{name}": value for name, value in scalars.items()}
            self._tensorboard.write_scalars(step, named)

    def close(self) -> None:
        """Flushes and closes both."""
        self._file.close()
        if self._tensorboard:
            self._tensorboard.close()


def has_records(workdir: Path) -> bool:
    """Whether training has begun there."""
    return (workdir / FILE).exists()


def read(workdir: Path) -> list[dict[str, Any]]:
    """The records of a workdir, in the order written; none where it has no `metrics.jsonl`.

    Each has "step" (a whole number), "wall", "kind" and its scalars (numbers). Lines that are no
    records, such as one that a crash cut short, are left out, and logged.

    Raises:
        UserError: the file has over `MOST_BYTES`.
    """
    return [record for _, record in _parsed(workdir / FILE)]


def _drop_after(path: Path, start: int, broken_off: bool) -> None:
    kept = "".join(
        line + "\n"
        for line, record in _parsed(path)
        if record["step"] < start
        or (record["step"] == start and not (broken_off and record.get("kind") == "train"))
    )
    write_bytes(path, kept.encode())


def _parsed(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line that is a record, as it stands and parsed."""
    if not path.exists():
        return
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path} has over {MOST_BYTES // 2**20} MiB; move it away")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        record = _record(line)
        if record is None:
            logging.warning("%s: dropped a line that is not a record: %.60r", path, line)
        else:
            yield line, record


def _record(line: str) -> dict[str, Any] | None:
    """What a line says if it is a record, else None."""
    try:
        record = strict_json.parse(line) if len(line) <= MOST_LETTERS else None
    except ValueError:
        return None
    if not isinstance(record, dict) or not strict_json.is_int(record.get("step")):
        return None
    numbers = (value for name, value in record.items() if name != "kind")
    whole = isinstance(record.get("kind", ""), str) and all(map(strict_json.is_number, numbers))
    return record if whole and record["step"] >= 0 else None


def _tensorboard(workdir: Path) -> Any:
    """clu's TensorBoard writer, or None (and one log line) without TensorFlow."""
    if find_spec("tensorflow") is None:
        logging.info("TensorBoard events are not written: pip install -e '.[tf]' to have them.")
        return None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it greets with pages about GPUs
    import tensorflow as tf
    from clu import metric_writers

    tf.config.set_visible_devices([], "GPU")  # TensorFlow would take the GPU's memory
    return metric_writers.SummaryWriter(str(workdir))
