"""Writes report.md and report.html from what a run left in its workdir; never trains, needs no JAX.

`gen_jax.report.images` (grids as PNG) stands alone: training and sampling use it as well.
"""

from pathlib import Path

from gen_jax.core.files import write_bytes
from gen_jax.report import html, markdown, sections, workdir
from gen_jax.report.document import Document


def write(path: str | Path) -> Path:
    """Writes report.md, report.html and report/*.png into a workdir.

    Only the workdir is read, and the same content gives the same bytes. A part that is absent or
    damaged is named in the report.

    Args:
      path: the workdir of a run, finished or not.

    Returns:
      The path of report.html.

    Raises:
      UserError: if there is no such folder.
    """
    root = Path(path)
    return publish(sections.compose(workdir.read(root)), root)


def publish(document: Document, root: Path, name: str = "report") -> Path:
    """Writes a document as NAME.md, NAME.html and report/*.png; returns NAME.html's path."""
    text, figures = markdown.render(document)
    for figure, png in figures.items():
        write_bytes(root / figure, png)
    # A file's name need not be text.
    write_bytes(root / f"{name}.md", text.encode(errors="backslashreplace"))
    page = root / f"{name}.html"
    write_bytes(page, html.render(document).encode(errors="backslashreplace"))
    return page
