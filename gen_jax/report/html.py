"""Prints a report as one self-contained HTML page: pictures and style inside, no script."""

import base64
import re
from html import escape

from gen_jax.report.document import (
    Block,
    Charts,
    Code,
    Document,
    Facts,
    Folded,
    Gallery,
    Item,
    Missing,
    Section,
    Table,
    Text,
    Verdict,
)
from gen_jax.report.style import CSS
from gen_jax.report.tables import NOT_FINITE

_MOST_COLUMNS = 3
"""Models that fit beside a first column with notes; it stands above more of them."""
_KEYS = {"": "key", "o": "key dot", "disc": "key disc"}


def render(document: Document) -> str:
    """The page as text."""
    title = escape(document.title)
    parts = [f"<li>{escape(part)}</li>" for part in document.lede]
    lede = f'<ul class="lede">{"".join(parts)}</ul>' if parts else ""
    links = "".join(
        f'<a href="#{_anchor(section)}">{escape(section.title)}</a>'
        for section in document.sections
        if section.level == 2
    )
    sections = "\n".join(_section(section) for section in document.sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{title}</h1>{lede}</header>\n"
        f'<nav aria-label="Contents">{links}</nav>\n{sections}\n</main>\n</body>\n</html>\n'
    )


def _anchor(section: Section) -> str:
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")


def _section(section: Section) -> str:
    tag = f"h{section.level}"
    anchor = f' id="{_anchor(section)}"' if section.level == 2 else ""
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f"<section{anchor}><{tag}>{escape(section.title)}</{tag}>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Missing(text):
            return f'<p class="missing">{escape(text)}</p>'
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Verdict(source, text):
            return f'<p class="verdict">{escape(text)}<small>{escape(source)}</small></p>'
        case Facts():
            return _facts(block)
        case Table():
            return _table(block)
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Folded(title, table):
            return f"<details><summary>{escape(title)}</summary>{_table(table)}</details>"
        case Charts():
            return _charts(block)
        case Gallery():
            return _gallery(block)


def _facts(block: Facts) -> str:
    cells = []
    for value, label, note in block.facts:
        small = f"<small>{escape(note)}</small>" if note else ""
        cells.append(f"<div><dt>{escape(label)}{small}</dt><dd>{_value(value)}</dd></div>")
    return f'<dl class="facts">{"".join(cells)}</dl>'


def _value(text: str) -> str:
    return f'<span class="warn">{text}</span>' if text in NOT_FINITE else escape(text)


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(_heading(table, column) for column in range(len(table.columns)))
    rows = "\n".join(
        f"<tr>{''.join(_cell(table, index, column) for column in range(len(row)))}</tr>"
        for index, row in enumerate(table.rows)
    )
    models = sum(map(bool, table.colours))
    many = bool(table.notes) and models > _MOST_COLUMNS
    css = _classes(["pinned"] * table.pinned + ["models"] * bool(models) + ["many"] * many)
    return (
        f'<div class="scroll" tabindex="0"><table{css}>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _heading(table: Table, column: int) -> str:
    colour = table.colours[column] if table.colours else ""
    key = f'<span class="key" style="border-color:var(--{colour})"></span>' if colour else ""
    return f"<th{_column(table, column)}>{key}{escape(table.columns[column])}</th>"


def _cell(table: Table, row: int, column: int) -> str:
    text = table.rows[row][column]
    content = f"<code>{escape(text)}</code>" if column in table.code else _value(text)
    if (row, column) in table.strong:
        content = f"<strong>{content}</strong>"
    if (row, column) in table.absent:
        content = f'<span class="absent">{escape(text)}</span>'
    if column == 0 and table.notes and table.notes[row]:
        content += f"<small>{escape(table.notes[row])}</small>"
    return f"<td{_column(table, column)}>{content}</td>"


def _column(table: Table, column: int) -> str:
    keyed = bool(table.colours and table.colours[column])
    return _classes(["number"] * (column in table.numeric) + ["keyed"] * keyed)


def _classes(names: list[str]) -> str:
    return f' class="{" ".join(names)}"' if names else ""


def _charts(block: Charts) -> str:
    charts = []
    for title, unit, legend, svg in block.charts:
        keys = "".join(
            f'<span><span class="{_KEYS[marker]}"'
            f' style="border-color:var(--{colour})"></span>{escape(label)}</span>'
            for label, colour, marker in legend
        )
        keys = f'<div class="legend">{keys}</div>' if keys else ""
        charts.append(
            f'<div class="chart"><h3>{escape(title)}</h3><div class="unit">{escape(unit)}</div>'
            f"{keys}{svg}</div>"
        )
    wide = " wide" if block.wide else ""
    return (
        f'<figure><div class="charts{wide}">{"".join(charts)}</div>'
        f"<figcaption>{escape(block.caption)}</figcaption></figure>"
    )


def _gallery(block: Gallery) -> str:
    items = "\n".join(_item(item, block.layout) for item in block.items)
    return (
        f'<figure><div class="{block.layout}">{items}</div>'
        f"<figcaption>{escape(block.caption)}</figcaption></figure>"
    )


def _item(item: Item, layout: str) -> str:
    data = base64.b64encode(item.png).decode("ascii")
    image = (
        f'<img width="{item.width}" alt="{escape(item.description)}"'
        f' src="data:image/png;base64,{data}">'
    )
    label = f"<span>{escape(item.label)}</span>"
    match layout:
        case "rows":
            return label + image
        case "cells":
            return f"<div>{image}{label}</div>"
        case "whole":
            return image
        case _:
            return f"<div>{label}{image}</div>"
