"""Metrics of the steps since the last line of them, kept over a stop that came between two lines.

A line of `metrics.jsonl` is the mean of the steps since the last. Without these the first line
after a stop would be of those steps alone that came after it, and what is told from the log (a
verdict on the training, its stability) would depend on where the training was stopped.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gen_jax.core import strict_json
from gen_jax.train import workdir as workdirs

FILE = "window.json"
Steps = list[dict[str, np.ndarray]]


def write(workdir: Path, step: int, steps: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the metrics (float32 scalars) of the steps before a stop after `step`."""
    kept = [{name: float(value) for name, value in each.items()} for each in steps]
    workdirs.write_json(workdir / FILE, {"step": step, "metrics": kept})


def read(workdir: Path, step: int) -> Steps:
    """Those of a stop after `step`; none if there was none, or they cannot be read."""
    try:
        content = strict_json.read(workdir / FILE)
        kept = content["metrics"] if content["step"] == step else []
        return [
            {name: np.asarray(value, np.float32) for name, value in each.items()} for each in kept
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def forget(workdir: Path) -> None:
    """A line has been written that is of whole steps."""
    (workdir / FILE).unlink(missing_ok=True)
