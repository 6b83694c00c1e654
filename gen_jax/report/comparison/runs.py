"""Which runs a comparison is of: folders and globs from the command line, each read once."""

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gen_jax.errors import UserError
from gen_jax.report import workdir
from gen_jax.report.workdir import Run

_PARTS = ("config.json", "metrics.jsonl", "evals")
"""What makes a folder a run, any one of them."""


class Member(NamedTuple):
    """A run and its name, the folder's without what all of them have in front."""

    name: str
    run: Run

    @property
    def seed(self) -> int | None:
        """The seed of its config; None where there is no config."""
        seed = self.run.settings.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def step(self) -> int | None:
        """The step that was evaluated, or else the last recorded; None without either."""
        evaluated = [content.get("step") for content in self.run.evals]
        steps = [step for step in evaluated if isinstance(step, int)]
        return max(steps or [record.step for record in self.run.records], default=None)


def read(entries: Sequence[str], defaults: Mapping[str, Any]) -> tuple[Member, ...]:
    """Reads the workdirs that entries name, in this order.

    Args:
      entries: folders, or globs of them, as in `find`.
      defaults: as in `member`.

    Raises:
      UserError: as `find`, or fewer than two runs.
    """
    paths = find(entries)
    if len(paths) < 2:
        raise UserError(f"--runs: at least two runs to compare, got {len(paths)}")
    named = zip(paths, below(paths), strict=True)
    return tuple(member(path, name, defaults) for path, name in named)


def find(entries: Sequence[str]) -> list[Path]:
    """The workdirs that entries name, in this order.

    A glob passes over folders that hold no run, and gives the others in the order of their names;
    `**` is any number of folders.

    Raises:
      UserError: an entry that names no run, or a run that is named twice.
    """
    paths = [path for entry in entries for path in _matching(entry)]
    whole = [path.resolve() for path in paths]
    for index, path in enumerate(whole):
        if path in whole[:index]:
            raise UserError(f"--runs: {paths[index]} is named twice; name each run once")
    return paths


def below(paths: Sequence[Path]) -> list[str]:
    """Paths without what all of them have in front."""
    whole = [path.resolve() for path in paths]
    above = os.path.commonpath([path.parent for path in whole])
    return [path.relative_to(above).as_posix() for path in whole]


def names(entries: Sequence[str]) -> list[str]:
    """What the workdirs of `find` are called whatever others there are.

    That is the path below the part of its entry before the first folder with a wildcard, such as
    "vae/seed42" of runs/study/*/seed*; the folder's own name where there is no wildcard.

    Raises:
      UserError: as `find`, or two of them have one name.
    """
    found = []
    for entry in entries:
        parts = Path(entry).parts
        fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
        found += [Path(*path.parts[fixed:]).as_posix() for path in _matching(entry)]
    for index, name in enumerate(found):
        if name in found[:index]:
            raise UserError(f"--runs: two runs would be called {name}; name the folder above them")
    return found


def member(path: Path, name: str, defaults: Mapping[str, Any]) -> Member:
    """A workdir as a run of that name.

    A key that its config lacks, as it was not there yet, counts as having had its default:
    `defaults` is the nested config of a run that sets nothing.
    """
    return Member(name, _completed(_of_one_step(workdir.read(path)), defaults))


def _of_one_step(run: Run) -> Run:
    """A run with the evaluations of the newest evaluated step alone; notes name the others.

    An evaluation that a later one did not replace is of another state of the networks.
    """
    steps = [content.get("step") for content in run.evals]
    newest = max((step for step in steps if isinstance(step, int)), default=None)
    if newest is None:
        return run
    notes = tuple(
        f"evaluation {content['name']} was left out: it is of"
        f" {'no known step' if step is None else f'step {step}'}, the newest of step {newest}."
        for content, step in zip(run.evals, steps, strict=True)
        if step != newest
    )
    kept = tuple(content for content in run.evals if content.get("step") == newest)
    return run._replace(evals=kept, notes=run.notes + notes)


def _completed(run: Run, defaults: Mapping[str, Any]) -> Run:
    if not run.settings:
        return run
    return run._replace(config=run.config | {"config": _merged(run.settings, defaults)})


def _merged(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(settings)
    for name, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = _merged(merged[name], value)
        else:
            merged.setdefault(name, value)
    return merged


def _matching(entry: str) -> list[Path]:
    if not glob.has_magic(entry):
        path = Path(entry)
        if not path.is_dir():
            raise UserError(f"--runs: no workdir at {path}; check the path, or train it first")
        if not _is_run(path):
            raise UserError(f"--runs: {path} holds no run (none of {', '.join(_PARTS)})")
        return [path]
    found = [path for path in map(Path, sorted(glob.glob(entry, recursive=True))) if _is_run(path)]
    if not found:
        raise UserError(f"--runs: no run matches {entry!r}")
    return found


def _is_run(path: Path) -> bool:
    return any((path / part).exists() for part in _PARTS)
