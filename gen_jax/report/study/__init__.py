"""The page of a study: a person's text, whose tables and numbers the program fills in from runs.

A study's folder holds `README.md`, the page; `records/`, its runs without their weights, small
enough for git; `report.md` and `report/*.png`, the whole comparison; `img/`, pictures of single
runs. What of the page is written by the program stands between markers, which
`gen_jax.report.study.markers` explains, and is written anew from the records: so a number on the
page is always one that a file beside it holds.
"""

import re
import shutil
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
_PICTURE = re.compile(rf"\]\({PICTURES}/([^()]+)/([^()/]+\.png)\)")


def write(
    out: str | Path,
    entries: Sequence[str] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Writes the page of a study anew; from records alone where no runs are given.

    Args:
      out: the folder of the study, with its README.md.
      entries: workdirs of runs, or globs of them, whose records are made or made anew before. A
        record has its run's path without what all of them have in front.
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
    if entries:
        paths = runs.find(entries)
        for name, path in zip(runs.names(paths), paths, strict=True):
            records.keep(path, root / RECORDS / name)
            _keep_pictures(text, name, path, root)
    members = read(root, defaults)
    filled = markers.fill(text, blocks.Source(members))
    if len(members) > 1:
        report, figures = markdown.render(sections.compose(models.group(members)))
        shutil.rmtree(root / markdown.FIGURES, ignore_errors=True)
        for figure, png in figures.items():
            write_bytes(root / figure, png)
        write_bytes(root / "report.md", report.encode(errors="backslashreplace"))
    write_bytes(page, filled.encode())
    return page


def read(root: Path, defaults: Mapping[str, Any]) -> tuple[runs.Member, ...]:
    """The records of a study, in the order of their names; UserError if there are none."""
    folder = root / RECORDS
    paths = sorted(path.parent for path in folder.rglob("config.json"))
    if not paths:
        raise UserError(f"no record in {folder}: give the study's runs, --runs='runs/STUDY/*'")
    found = (runs.member(path, path.relative_to(folder).as_posix(), defaults) for path in paths)
    return tuple(found)


def _keep_pictures(text: str, name: str, path: Path, root: Path) -> None:
    """Copies the pictures that the page shows of a run, from its report or else its samples."""
    for owner, file in _PICTURE.findall(text):
        if owner != name:
            continue
        found = [path / part / file for part in ("report", "samples")]
        source = next((each for each in found if each.is_file()), None)
        if source is None:
            raise UserError(f"{root / PAGE} shows {file} of {name}, which has no {found[0]}")
        write_bytes(root / PICTURES / name / file, source.read_bytes())
