"""Reads what a run left in its workdir; what is absent or damaged becomes a note, not an error.

The files may be anybody's: what comes out of here has the types and the bounded sizes that the
sections of a report rely on.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gen_jax.core import npz, strict_json
from gen_jax.core.strict_json import as_float, is_int, is_number
from gen_jax.errors import UserError
from gen_jax.report.fitting import CONFIG, ENVIRONMENT, EVALUATION, SETTINGS, Types, fitting

_NOT_SCALARS = {"step", "wall", "kind"}
_SPELT = ("NaN", "nan", "Infinity", "-Infinity", "inf", "-inf")
_MOST_BYTES = 2**30
_MOST_LETTERS = 2**20
_MOST_NAMES, _LONGEST_NAME = 120, 100
_LAST_STEP = 10**15
_LATEST = 1e12  # seconds


class Record(NamedTuple):
    """One line of metrics.jsonl; `wall` is in seconds since the epoch."""

    step: int
    wall: float
    kind: str
    scalars: dict[str, float]


class Run(NamedTuple):
    """A workdir's content; an empty part is one the workdir does not have.

    `records` are sorted by step with the last of each (kind, step) kept. `timeline` holds
    (step, wall) of every line in the order written, for timing. `samples` maps steps to PNG paths.
    """

    path: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    records: tuple[Record, ...]
    timeline: tuple[tuple[int, float], ...]
    evals: tuple[dict[str, Any], ...]
    figures: dict[str, np.ndarray]
    samples: dict[int, Path]
    notes: tuple[str, ...]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The nested config of the run, empty when there is none."""
        config = self.config.get("config")
        return config if isinstance(config, Mapping) else {}

    def series(self, kind: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps int64 [n], values float64 [n]) of one scalar over the records of a kind."""
        points = [
            (record.step, record.scalars[name])
            for record in self.records
            if record.kind == kind and name in record.scalars
        ]
        return (
            np.array([step for step, _ in points], np.int64),
            np.array([value for _, value in points], np.float64),
        )

    def scalar_names(self, kind: str) -> tuple[str, ...]:
        """Names seen in the records of a kind, in order of first appearance."""
        records = (record for record in self.records if record.kind == kind)
        return tuple(dict.fromkeys(name for record in records for name in record.scalars))


def read(workdir: str | Path) -> Run:
    """Reads a workdir.

    Raises:
      UserError: if there is no such folder.
    """
    path = Path(workdir)
    if not path.is_dir():
        raise UserError(f"No workdir at {path}: train first, or pass --workdir=DIR.")
    notes: list[str] = []
    records, timeline = _read_metrics(path / "metrics.jsonl", notes)
    files = sorted(path.glob("evals/*.json"))
    evals = [(file.stem, _read_json(file, path, EVALUATION, notes)) for file in files]
    return Run(
        path=path,
        config=_read_json(path / "config.json", path, CONFIG, notes),
        environment=_read_json(path / "environment.json", path, ENVIRONMENT, notes),
        records=records,
        timeline=timeline,
        evals=tuple({"name": stem} | content for stem, content in evals if content),
        figures=_read_arrays(path / "evals" / "figures.npz", notes),
        samples=_find_samples(path / "samples"),
        notes=tuple(notes),
    )


def _read_json(file: Path, root: Path, types: Types, notes: list[str]) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        content = strict_json.read(file)
        if not isinstance(content, dict):
            raise ValueError("it does not hold a JSON object")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        notes.append(f"{file.relative_to(root)} cannot be read: {reason}.")
        return {}
    content, wrong = fitting(content, types)
    if types is CONFIG and content.get("config"):
        content["config"], inside = fitting(content["config"], SETTINGS)
        wrong += tuple(f"config.{name}" for name in inside)
    if wrong:
        found = ", ".join(wrong)
        notes.append(f"{file.relative_to(root)}: left out {found}, of a type that no run writes.")
    return content


def _read_metrics(
    file: Path, notes: list[str]
) -> tuple[tuple[Record, ...], tuple[tuple[int, float], ...]]:
    if not file.exists():
        return (), ()
    if file.stat().st_size > _MOST_BYTES:
        notes.append(f"metrics.jsonl was left out: it has over {_MOST_BYTES // 2**20} MiB.")
        return (), ()
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    kept: dict[tuple[str, int], Record] = {}
    names: dict[str, None] = {}
    left_out: dict[str, None] = {}
    timeline, unreadable, repeated = [], [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = _record(line)
        except ValueError:
            unreadable.append(number)
            continue
        timeline.append((record.step, record.wall))
        scalars = {name: value for name, value in record.scalars.items() if _shown(name, names)}
        left_out.update(dict.fromkeys(record.scalars.keys() - scalars.keys()))
        record = record._replace(scalars=scalars)
        repeated += (record.kind, record.step) in kept
        kept[record.kind, record.step] = record
    if unreadable and unreadable[-1] == len(lines):
        unreadable.pop()
        notes.append(
            f"metrics.jsonl: line {len(lines)}, the last one, is cut off and was left out."
        )
    if unreadable:
        notes.append(
            f"metrics.jsonl: {len(unreadable)} unreadable lines were left out,"
            f" the first is line {unreadable[0]}."
        )
    if left_out:
        notes.append(
            f"metrics.jsonl: {len(left_out):,} scalars were left out: over {_MOST_NAMES}, or of"
            f" names that are no text of at most {_LONGEST_NAME} letters."
        )
    if repeated:
        notes.append(
            f"metrics.jsonl: {repeated} steps were recorded again after a resume;"
            " the last record of each counts."
        )
    ordered = sorted(kept.values(), key=lambda record: (record.step, record.kind))
    return tuple(ordered), tuple(timeline)


def _shown(name: str, names: dict[str, None]) -> bool:
    """Whether a scalar is among the first so many of its log, which it is added to."""
    if len(name) <= _LONGEST_NAME and name.isprintable() and len(names) < _MOST_NAMES:
        names[name] = None
    return name in names


def _record(line: str) -> Record:
    """What a line of metrics.jsonl says; ValueError if it is no record."""
    row = strict_json.parse(line) if len(line) <= _MOST_LETTERS else None
    if not isinstance(row, dict) or not is_int(row.get("step")):
        raise ValueError("no record of a step")
    if not 0 <= row["step"] < _LAST_STEP:
        raise ValueError("a step that no run comes to")
    # A writer of strict JSON has only null or a string for a value that is not finite.
    scalars = {
        name: math.nan if value is None else as_float(float(value))
        for name, value in row.items()
        if name not in _NOT_SCALARS and (value is None or value in _SPELT or is_number(value))
    }
    wall = row["wall"] if is_number(row.get("wall")) and abs(row["wall"]) < _LATEST else math.nan
    return Record(row["step"], float(wall), str(row.get("kind", "train")), scalars)


def _read_arrays(file: Path, notes: list[str]) -> dict[str, np.ndarray]:
    if not file.exists():
        return {}
    try:
        return npz.read(file)
    except (OSError, ValueError) as error:
        notes.append(f"evals/figures.npz cannot be read: {error}.")
        return {}


def _find_samples(folder: Path) -> dict[int, Path]:
    found = {}
    for file in sorted(folder.glob("step_*.png")):
        match = re.fullmatch(r"step_(\d+)", file.stem)
        if match:
            found[int(match[1])] = file
    return dict(sorted(found.items()))
