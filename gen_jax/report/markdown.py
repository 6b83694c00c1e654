"""Prints a report as Markdown, its pictures as PNG files beside it."""

import re

from gen_jax.report.document import (
    Block,
    Charts,
    Code,
    Document,
    Facts,
    Folded,
    Gallery,
    Missing,
    Section,
    Table,
    Text,
    Verdict,
)

FIGURES = "report"


def render(document: Document) -> tuple[str, dict[str, bytes]]:
    """Markdown text, and PNG bytes by path relative to the Markdown file."""
    figures: dict[str, bytes] = {}
    parts = [f"# {escaped(document.title)}"]
    if document.lede:
        parts.append(" · ".join(escaped(part) for part in document.lede))
    for section in document.sections:
        parts += _section(section, figures)
    return "\n\n".join(parts) + "\n", figures


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no emphasis, links, HTML or table borders come of it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|~]|\b_|_\b)", r"\\\1", re.sub(r"[ \t\r\n]+", " ", text))


def _section(section: Section, figures: dict[str, bytes]) -> list[str]:
    heading = f"{'#' * section.level} {escaped(section.title)}"
    return [heading, *(_block(block, figures) for block in section.blocks)]


def _block(block: Block, figures: dict[str, bytes]) -> str:
    match block:
        case Missing(text):
            return f"*{escaped(text)}*"
        case Text(text):
            return escaped(text)
        case Verdict(source, text):
            return f"> {escaped(text)} ({escaped(source)})"
        case Facts(facts):
            rows = tuple((fact.label, fact.value, fact.note) for fact in facts)
            return table(Table(("quantity", "value", ""), rows, numeric=(1,)))
        case Table():
            return table(block)
        case Code(text):
            return "\n".join(f"    {line}" for line in text.splitlines())
        case Folded(title, inner):
            return f"<details><summary>{escaped(title)}</summary>\n\n{table(inner)}\n\n</details>"
        case Charts(name, _, caption, sheet):
            return f"{_picture(name, sheet, name, figures)}\n\n{escaped(caption)}"
        case Gallery():
            return _gallery(block, figures)


def _gallery(gallery: Gallery, figures: dict[str, bytes]) -> str:
    caption = escaped(gallery.caption)
    if gallery.sheet is not None:
        return f"{_picture(gallery.name, gallery.sheet, gallery.name, figures)}\n\n{caption}"
    cells = [
        _picture(f"{gallery.name}_{index}", item.png, item.description, figures)
        for index, item in enumerate(gallery.items)
    ]
    labels = [escaped(item.label) for item in gallery.items]
    return "\n".join([*_header(labels, ()), _row(cells)]) + f"\n\n{caption}"


def _picture(name: str, png: bytes, description: str, figures: dict[str, bytes]) -> str:
    path = f"{FIGURES}/{name}.png"
    figures[path] = png
    return f"![{escaped(description.replace('_', ' '))}]({path})"


def table(block: Table) -> str:
    """A table, its caption above it and its notes below the first cells."""
    lines = [f"{escaped(block.caption)}\n"] if block.caption else []
    lines += _header([escaped(name) for name in block.columns], block.numeric)
    for index, row in enumerate(block.rows):
        cells = [_cell(block, index, column, text) for column, text in enumerate(row)]
        if block.notes and block.notes[index]:
            cells[0] += f"<br><small>{escaped(block.notes[index])}</small>"
        lines.append(_row(cells))
    return "\n".join(lines)


def _cell(table: Table, row: int, column: int, text: str) -> str:
    if (row, column) in table.absent:
        return f"*{escaped(text)}*"
    shown = _literal(text) if column in table.code else escaped(text)
    return f"**{shown}**" if (row, column) in table.strong else shown


def _header(columns: tuple[str, ...] | list[str], numeric: tuple[int, ...]) -> list[str]:
    rules = ["---:" if index in numeric else "---" for index in range(len(columns))]
    return [_row(list(columns)), _row(rules)]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _literal(text: str) -> str:
    """A code span; text that one cannot hold inside a table is escaped instead."""
    if not text or re.search(r"[`|\n]", text) or text != text.strip():
        return escaped(text)
    return f"`{text}`"
