"""A run without its weights: what reports and comparisons read of it, small enough for git."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from gen_jax.core import npz, strict_json
from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError
from gen_jax.report.comparison import pictures

_DIGITS = 7
"""Significant digits of what was logged: all that float32 has."""
_FOLDERS = re.compile(r"(?<![\w.:/~])~?/(?:[^\s\"',;=]+/)+")


def keep(path: Path, out: Path) -> None:
    """Writes the record of a run into a folder; what the run does not have, the record has not.

    That is its config, environment, evaluations and log, numbers of the log to seven digits, and
    as many of its pictures as a comparison shows. Where files lay is left out: of an absolute path
    only the last part stays. The same run gives the same bytes.

    Raises:
      UserError: a file of the run is damaged.
    """
    names = ["config.json", "environment.json"]
    names += [f"evals/{file.name}" for file in sorted(path.glob("evals/*.json"))]
    stale = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    for name in names:
        if (path / name).is_file():
            content = _placeless(_read(path / name))
            write_bytes(out / name, (json.dumps(content, indent=1) + "\n").encode())
            stale.discard(name)
    if (path / "metrics.jsonl").is_file():
        write_bytes(out / "metrics.jsonl", _log(path / "metrics.jsonl"))
        stale.discard("metrics.jsonl")
    figures = path / "evals" / "figures.npz"
    if figures.is_file():
        try:
            arrays = npz.read(figures)
        except (OSError, ValueError) as error:
            raise UserError(f"{figures} cannot be read: {error}") from error
        # NumPy dates the members of its archives 1980: the same arrays are the same bytes.
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **pictures.shown(arrays))
        write_bytes(out / "evals" / "figures.npz", packed.getvalue())
        stale.discard("evals/figures.npz")
    for name in stale:
        (out / name).unlink()


def _read(file: Path) -> Any:
    try:
        return strict_json.read(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error


def _placeless(content: Any) -> Any:
    """JSON content with absolute paths cut to their last part, wherever they stand in a text."""
    if isinstance(content, dict):
        return {key: _placeless(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_placeless(value) for value in content]
    return _FOLDERS.sub("", content) if isinstance(content, str) else content


def _log(file: Path) -> bytes:
    """The lines of a log with fewer digits; one that cannot be read stays as it is."""
    lines = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = strict_json.parse(line)
        except ValueError:
            lines.append(line)
            continue
        if isinstance(row, dict):
            row = {key: _rounded(key, value) for key, value in row.items()}
        lines.append(json.dumps(row))
    return "".join(f"{line}\n" for line in lines).encode()


def _rounded(key: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    # A time is in seconds since 1970, and milliseconds are enough of it.
    return round(value, 3) if key == "wall" else float(f"{value:.{_DIGITS}g}")
