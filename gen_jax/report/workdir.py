"""Reads what a run left in its workdir; what is absent or damaged becomes a note, not an error."""

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gen_jax.errors import UserError

_NOT_SCALARS = {"step", "wall", "kind"}
_SPELT = ("NaN", "nan", "Infinity", "-Infinity", "inf", "-inf")


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
    evals = [_read_json(file, path, notes) for file in sorted(path.glob("evals/*.json"))]
    return Run(
        path=path,
        config=_read_json(path / "config.json", path, notes),
        environment=_read_json(path / "environment.json", path, notes),
        records=records,
        timeline=timeline,
        evals=tuple(content for content in evals if content),
        figures=_read_arrays(path / "evals" / "figures.npz", notes),
        samples=_find_samples(path / "samples"),
        notes=tuple(notes),
    )


def _read_json(file: Path, root: Path, notes: list[str]) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        notes.append(f"{file.relative_to(root)} cannot be read: {error}.")
        return {}
    if not isinstance(content, dict):
        notes.append(f"{file.relative_to(root)} cannot be read: it does not hold a JSON object.")
        return {}
    if file.parent.name == "evals":
        content.setdefault("name", file.stem)
    return content


def _read_metrics(
    file: Path, notes: list[str]
) -> tuple[tuple[Record, ...], tuple[tuple[int, float], ...]]:
    if not file.exists():
        return (), ()
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    kept: dict[tuple[str, int], Record] = {}
    timeline, unreadable, repeated = [], [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = _record(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            unreadable.append(number)
            continue
        timeline.append((record.step, record.wall))
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
    if repeated:
        notes.append(
            f"metrics.jsonl: {repeated} steps were recorded again after a resume;"
            " the last record of each counts."
        )
    ordered = sorted(kept.values(), key=lambda record: (record.step, record.kind))
    return tuple(ordered), tuple(timeline)


def _record(row: dict[str, Any]) -> Record:
    # A writer of strict JSON has only null or a string for a value that is not finite.
    scalars = {
        name: float("nan" if value is None else value)
        for name, value in row.items()
        if name not in _NOT_SCALARS and (value is None or value in _SPELT or _is_number(value))
    }
    wall = float(row["wall"]) if _is_number(row.get("wall")) else float("nan")
    return Record(int(row["step"]), wall, str(row.get("kind", "train")), scalars)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _read_arrays(file: Path, notes: list[str]) -> dict[str, np.ndarray]:
    if not file.exists():
        return {}
    try:
        # Opened here: np.load leaves a damaged file open.
        with file.open("rb") as stream, np.load(stream) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        notes.append(f"evals/figures.npz cannot be read: {error}.")
        return {}


def _find_samples(folder: Path) -> dict[int, Path]:
    found = {}
    for file in sorted(folder.glob("step_*.png")):
        match = re.fullmatch(r"step_(\d+)", file.stem)
        if match:
            found[int(match[1])] = file
    return dict(sorted(found.items()))
