"""The page of a study: a person's text, whose tables and numbers the program fills in from runs.

A study's folder holds `README.md`, the page; `records/`, its runs without their weights, small
enough for git; `report.md` and `report/*.png`, the whole comparison; `img/`, pictures of single
runs. What of the page is written by the program stands between markers, which
`gen_jax.report.study.markers` explains, and is written anew from the records: so a number on the
page is always one that a file beside it holds. A README above several studies may have markers as
well, whose runs are then named STUDY/RUN.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError
from gen_jax.report import markdown
from gen_jax.report.comparison import models, runs, sections
from gen_jax.report.study import blocks, markers, records

PAGE, RECORDS, PICTURES = "README.md", "records", "img"
_DRAWN = re.compile(rf"\]\(({markdown.FIGURES}/[\w.-]+\.png)\)")
_ABOVE = (f"*/{RECORDS}", f"docs/results/*/{RECORDS}")
"""Where a page that is above several studies finds their records."""
_PICTURE = re.compile(rf"\]\({PICTURES}/([^()]+)/([^()/]+\.png)\)")


def write(
    out: str | Path,
    entries: Sequence[str] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Writes the page of a study anew; from records alone where no runs are given.

    Args:
      out: the folder of the study, with its README.md.
      entries: workdirs of runs, or globs of them, whose records are made or made anew before, under
        the names that `runs.names` gives them. Other records stay.
      defaults: the nested config that runs set their differences to.

    Returns:
      The path of the page.

    Raises:
      UserError: there is no such page, no record, an entry that names no run, a marker that is
        wrong or names what no record has, or a picture that a run does not have.
    """
    root = Path(out)
    page = root / PAGE
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{page} cannot be read; write the study's text there, with markers for its numbers"
        ) from error
    found = runs.find(entries)
    named = dict(zip(runs.names(entries), found, strict=True))
    with tempfile.TemporaryDirectory(prefix=".records.", dir=root) as scratch:
        # Nothing is changed before all is known.
        new = Path(scratch) / RECORDS
        if (root / RECORDS).is_dir():
            shutil.copytree(root / RECORDS, new)
        for name, path in named.items():
            records.keep(path, new / name)
        members = read(new.parent if new.is_dir() else root, defaults)
        filled = markers.fill(text, blocks.Source(members))
        shown = _pictures(text, named, page)
        if len(members) > 1 and new.is_dir():
            report, drawn = markdown.render(sections.compose(models.group(members)))
            _replace_report(root, report.encode(errors="backslashreplace"), drawn)
        if named:
            old = Path(scratch) / "old"
            if (root / RECORDS).is_dir():
                os.rename(root / RECORDS, old)
            try:
                os.rename(new, root / RECORDS)
            except BaseException:  # the scratch folder is removed with what is in it
                if old.is_dir():
                    os.rename(old, root / RECORDS)
                raise
    for target, source in shown.items():
        write_bytes(root / target, source.read_bytes())
    write_bytes(page, filled.encode(errors="backslashreplace"))
    return page


def read(root: Path, defaults: Mapping[str, Any]) -> tuple[runs.Member, ...]:
    """The records of a study, or of those below a folder that has none, by their names.

    Raises:
      UserError: there are none.
    """
    if (root / RECORDS).is_dir():
        found = _below(root / RECORDS, "", defaults)
    else:
        above = next((each for each in map(sorted, map(root.glob, _ABOVE)) if each), [])
        parts = (_below(each, f"{each.parent.name}/", defaults) for each in above)
        found = [member for part in parts for member in part]
    if not found:
        raise UserError(f"no record in {root}: give the study's runs, --runs='runs/STUDY/*'")
    return tuple(found)


def _below(folder: Path, prefix: str, defaults: Mapping[str, Any]) -> list[runs.Member]:
    paths = sorted(path.parent for path in folder.rglob("config.json"))
    names = (prefix + path.relative_to(folder).as_posix() for path in paths)
    return [runs.member(path, name, defaults) for path, name in zip(paths, names, strict=True)]


def _pictures(text: str, named: Mapping[str, Path], page: Path) -> dict[str, Path]:
    """What the page shows of runs: its place, and the file in the report or else the samples."""
    shown = {}
    for name, file in _PICTURE.findall(text):
        if name not in named:
            continue
        found = [named[name] / part / file for part in ("report", "samples")]
        source = next((each for each in found if each.is_file()), None)
        if source is None:
            raise UserError(f"{page} shows {file} of {name}, which has no {found[0]}")
        shown[f"{PICTURES}/{name}/{file}"] = source
    return shown


def _replace_report(root: Path, report: bytes, drawn: Mapping[str, bytes]) -> None:
    """Writes report.md and its pictures, and removes those that only the one before had."""
    before = root / "report.md"
    text = before.read_text(encoding="utf-8", errors="replace") if before.is_file() else ""
    for name in set(_DRAWN.findall(text)) - drawn.keys():
        (root / name).unlink(missing_ok=True)
    for name, png in drawn.items():
        write_bytes(root / name, png)
    write_bytes(before, report)
