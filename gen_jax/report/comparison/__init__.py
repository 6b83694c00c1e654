"""Writes report.md and report.html of several runs side by side; never trains, needs no JAX.

Runs whose configs differ in nothing but the seed, and in where files lie, are one model, whose
numbers are a mean and a spread. Numbers of different protocols are never in one row.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gen_jax.errors import UserError
from gen_jax.report import publish
from gen_jax.report.comparison import models, runs, sections


def write(
    entries: Sequence[str],
    out: str | Path,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Writes report.md, report.html and report/*.png into a folder.

    Only the workdirs are read, and the same content gives the same bytes. A part that is absent or
    damaged is named in the report.

    Args:
      entries: workdirs of runs, finished or not, or globs of them.
      out: the folder to write into; it is made if it is not there.
      defaults: the nested config that runs set their differences to. A key that an older run's
        config lacks counts as having had its default; without defaults it counts as a difference.

    Returns:
      The path of report.html.

    Raises:
      UserError: an entry that names no run, a run named or repeated twice, fewer than two runs, or
        a folder to write into that holds a run, whose own report would be lost.
    """
    root = Path(out)
    if (root / "config.json").exists():
        raise UserError(
            f"{root} holds a run, whose report would be overwritten; pass another --workdir"
        )
    return publish(sections.compose(models.group(runs.read(entries, defaults))), root)
