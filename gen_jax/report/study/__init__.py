"""The page of a study: a person's text, whose tables and numbers the program fills in from runs.

A study's folder holds `README.md`, the page; `records/`, its runs without their weights, small
enough for git; `report.md` and `report/*.png`, the whole comparison; `img/`, pictures of single
runs. What of the page is written by the program stands between markers, which
`gen_jax.report.study.markers` explains, and is written anew from the records: so a number on the
page is always one that a file beside it holds. A README above several studies may have markers as
well, whose runs are then named STUDY/RUN.
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
    if len(members) > 1 and (root / RECORDS).is_dir():
        report, figures = markdown.render(sections.compose(models.group(members)))
        shutil.rmtree(root / markdown.FIGURES, ignore_errors=True)
        for figure, png in figures.items():
            write_bytes(root / figure, png)
        write_bytes(root / "report.md", report.encode(errors="backslashreplace"))
    write_bytes(page, filled.encode())
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
