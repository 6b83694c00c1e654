"""What a report is made of. Sections build these blocks once; `markdown` and `html` print them."""

from typing import NamedTuple


class Missing(NamedTuple):
    """One line that says why a part is not here, or what was wrong with a file."""

    text: str


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Verdict(NamedTuple):
    """A sentence an evaluation wrote about its own numbers."""

    source: str
    text: str


class Fact(NamedTuple):
    """A key number: `value` as printed, `label` what it measures, `note` its unit or origin."""

    value: str
    label: str
    note: str = ""


class Facts(NamedTuple):
    """The key numbers, side by side."""

    facts: tuple[Fact, ...]


class Table(NamedTuple):
    """Cells as printed.

    Attributes:
      columns: headings.
      rows: cells, row by row.
      caption: above the table.
      numeric: the right-aligned columns.
      code: the columns shown literally.
      notes: a small line under the first cell of each row, "" for none.
      colours: of `style.PALETTE`, one a column, "" for none; a key over the heading. On a narrow
        page, or with notes and many columns, the first cell of a row stands above the others.
      strong: (row, column) of cells that stand out.
      absent: (row, column) of cells that say why there is no number.
      pinned: the first column stays in view while the others are scrolled.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    numeric: tuple[int, ...] = ()
    code: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    strong: tuple[tuple[int, int], ...] = ()
    absent: tuple[tuple[int, int], ...] = ()
    pinned: bool = False


class Code(NamedTuple):
    """Text to be shown as it is, such as a command."""

    text: str


class Item(NamedTuple):
    """A picture of a gallery: label, PNG bytes, width on the page in pixels, alternative text."""

    label: str
    png: bytes
    width: int
    description: str


class Gallery(NamedTuple):
    """Pictures with one caption.

    `layout` is "rows" (label beside a wide picture), "cells" (label under a small picture), "strip"
    (label over a picture), "sheets" (the same, of larger pictures) or "whole" (one picture without
    a label). `sheet` is the same as one PNG for Markdown; without it Markdown shows the items in a
    table.
    """

    name: str
    layout: str
    items: tuple[Item, ...]
    caption: str
    sheet: bytes | None = None


class Chart(NamedTuple):
    """A panel: inline SVG with CSS variables as colours; legend of (label, colour, marker).

    The marker is "" for a line, "o" for a ring, "disc" for a filled one.
    """

    title: str
    unit: str
    legend: tuple[tuple[str, str, str], ...]
    svg: str


class Charts(NamedTuple):
    """Panels side by side, half a page each if `wide`; `sheet` is all as one PNG for Markdown."""

    name: str
    charts: tuple[Chart, ...]
    caption: str
    sheet: bytes
    wide: bool = False


class Folded(NamedTuple):
    """A block behind a title, closed at first."""

    title: str
    block: Table


Block = Missing | Text | Verdict | Facts | Table | Code | Gallery | Charts | Folded


class Section(NamedTuple):
    """A heading and its blocks; `level` 2 opens a part, 3 a piece of it."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


class Document(NamedTuple):
    """A whole report; `lede` are the short facts under the title."""

    title: str
    lede: tuple[str, ...]
    sections: tuple[Section, ...]
