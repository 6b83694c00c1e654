"""A run without its weights: what reports and comparisons read of it, small enough for git."""

import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from gen_jax.config import PATHS
from gen_jax.core import npz, strict_json
from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError
from gen_jax.report.comparison import pictures

_DIGITS = 7
"""Significant digits of what was logged: all that float32 has."""
_PLACES = {key.rpartition(".")[2] for key in PATHS}
_COMMANDS = ("command", "xla_flags")
"""Entries of an environment whose words may hold paths."""


def keep(path: Path, out: Path) -> None:
    """Writes the record of a run into a folder; what the run does not have, the record has not.

    That is its config, environment, evaluations and log, numbers of the log to seven digits, and
    as many of its pictures as a comparison shows. Where files lay is left out: of an absolute path
    in the config or the command only the last part stays, and of a folder of images its content's
    digest as well. The same run gives the same bytes.

    Raises:
      UserError: a file of the run is damaged.
    """
    names = ["config.json", "environment.json"]
    names += [f"evals/{file.name}" for file in sorted(path.glob("evals/*.json"))]
    stale = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    for name in names:
        if (path / name).is_file():
            content = _read(path / name)
            if isinstance(content, dict) and "/" not in name:
                content = _CUT[name](content)
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


def _cut_config(content: dict[str, Any]) -> dict[str, Any]:
    """config.json with the last parts of paths alone."""

    def cut(settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        return {
            key: _last(value) if key in _PLACES and isinstance(value, str) else cut(value)
            for key, value in settings.items()
        }

    settings, about = content.get("config"), content.get("data")
    made = content | {"config": cut(settings)}
    if not isinstance(settings, dict) or not isinstance(about, dict):
        return made
    data = made["config"].get("data")
    if isinstance(data, dict) and data.get("name") == "folder":
        # Two folders of one name are two data sets.
        data["dir"] = f"{data.get('dir')}-{str(about.get('train_content', ''))[:8]}"
    return made


def _cut_environment(content: dict[str, Any]) -> dict[str, Any]:
    """environment.json, of every process that took part, with the last parts of paths alone."""
    made = {
        key: _cut_words(value) if key in _COMMANDS and isinstance(value, str) else value
        for key, value in content.items()
    }
    if isinstance(made.get("resumed"), list):
        made["resumed"] = [
            _cut_environment(each) if isinstance(each, dict) else each for each in made["resumed"]
        ]
    return made


def _cut_words(text: str) -> str:
    """A command whose words, or what they set, lose all of a path but its last part."""
    try:
        words = shlex.split(text)
    except ValueError:
        return "not readable"
    cut = []
    for word in words:
        flag, equals, value = word.rpartition("=")
        cut.append(flag + equals + ",".join(map(_last, value.split(","))))
    return shlex.join(cut)


def _last(path: str) -> str:
    """The last part of an absolute path, or one from home; others as they are."""
    return path.rstrip("/").rpartition("/")[2] if path.startswith(("/", "~")) else path


_CUT = {"config.json": _cut_config, "environment.json": _cut_environment}


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
