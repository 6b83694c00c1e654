r"""What of a page the program writes, and where: between two comments that a reader does not see.

A number within a sentence is of a run, or the mean ± sample standard deviation over the seeds of a
model, whose runs a glob names:

    <!-- value cvae_gan reconstruction/mse -->0.0253<!-- /value -->

"log/NAME" is what the training's log says last, "log/NAME@STEP" what it says of a step.

A table has a column a model and a row a quantity, "EVALUATION/QUANTITY", each with another heading
if it says so. Numbers of different protocols are in rows of their own; what is absent says why.

    <!-- table
    columns: CVAE-GAN = cvae_gan; VAE alone = cvae
    rows: test MSE = reconstruction/mse; inception/fid_768
    -->
    <!-- /table -->

What evaluations at chosen epochs of a training (`eval_epochs`) found:

    <!-- epochs cvae_gan -->
    <!-- /epochs -->

How runs were made, a row a run, of all records or of those that globs name:

    <!-- runs -->
    <!-- /runs -->
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from gen_jax.errors import UserError, choose

_NAMES = "value|table|epochs|runs"
_OPENING = rf"<!--\s*(?:{_NAMES})\b"
# Between them there is no other marker: one that is not closed must not swallow what follows.
_MARKER = re.compile(
    rf"(<!--\s*({_NAMES})\b((?:(?!-->).)*)-->)(?:(?!{_OPENING}).)*?<!--\s*/(\w+)\s*-->",
    re.DOTALL,
)
_ANY = re.compile(rf"<!--\s*(/?)({_NAMES})\b")


class Source(Protocol):
    """What fills markers."""

    def value(self, runs: str, quantity: str) -> str:
        """A number of the runs a glob names, as printed."""

    def table(self, columns: Mapping[str, str], rows: Mapping[str, str]) -> str:
        """A Markdown table; globs of runs and quantities by their headings."""

    def epochs(self, run: str) -> str:
        """A Markdown table of the evaluations during a run, a row an epoch."""

    def runs(self, globs: list[str]) -> str:
        """A Markdown table of how runs were made."""


def fill(text: str, source: Source) -> str:
    """The text with everything between markers written anew; UserError for a wrong marker."""
    filled = _MARKER.sub(lambda match: _filled(match, source), text)
    rest = _MARKER.sub(lambda match: "\n" * match[0].count("\n"), text)
    left = _ANY.search(rest)
    if left:
        line = rest[: left.start()].count("\n") + 1
        wrong = "closes nothing" if left[1] else f"is not closed by <!-- /{left[2]} -->"
        raise UserError(f"line {line}: {left[0]} ... {wrong}")
    return filled


def _filled(match: re.Match, source: Source) -> str:
    opening, kind, asked, closing = match.groups()
    if kind != closing:
        raise UserError(f"{opening} is closed by <!-- /{closing} -->")
    content = _KINDS[kind](asked.strip(), source)
    apart = "" if kind == "value" else "\n"
    return f"{opening}{apart}{content}{apart}<!-- /{kind} -->"


def _value(asked: str, source: Source) -> str:
    runs, _, quantity = asked.partition(" ")
    if not quantity.strip():
        raise UserError(f"<!-- value {asked} -->: a value is of RUNS and a QUANTITY")
    return source.value(runs, quantity.strip())


def _table(asked: str, source: Source) -> str:
    given: dict[str, dict[str, str]] = {}
    for line in asked.splitlines():
        name, _, listed = line.partition(":")
        choose({"columns": 0, "rows": 0}, name.strip(), "the marker of a table: line")
        chosen = given.setdefault(name.strip(), {})
        for item in filter(None, (item.strip() for item in listed.split(";"))):
            heading, of = _named(item)
            if heading in chosen:
                raise UserError(f"the marker of a table has two {name.strip()} called {heading!r}")
            chosen[heading] = of
    if given.keys() != {"columns", "rows"} or not all(given.values()):
        raise UserError("the marker of a table has a line 'columns: ...' and one 'rows: ...'")
    return source.table(given["columns"], given["rows"])


def _named(item: str) -> tuple[str, str]:
    """Heading and what it is of: "test MSE = reconstruction/mse"; a heading may be left out."""
    heading, equals, of = (part.strip() for part in item.rpartition("="))
    return (heading, of) if equals else (of, of)


def _epochs(asked: str, source: Source) -> str:
    return source.epochs(asked)


def _runs(asked: str, source: Source) -> str:
    return source.runs(asked.split())


_KINDS: dict[str, Callable[[str, Source], str]] = {
    "value": _value,
    "table": _table,
    "epochs": _epochs,
    "runs": _runs,
}
