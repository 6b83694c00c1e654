"""The one exception a user may meet, how it is printed, and its commonest reason: a wrong name."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")

_MOST_LETTERS = 2000
_MOST_COMPARED = 100


class UserError(Exception):
    """Bad input (config, data, flags, workdir). The launcher prints its line and exits with 2."""


def line(error: UserError | OSError) -> str:
    """What the launcher prints: one line, whatever names and values an input made it of."""
    text = str(error)
    if isinstance(error, OSError):
        text = f"{error.strerror or error}: {error.filename or ''}"
    text = plain(text)
    return f"error: {text[:_MOST_LETTERS]}" + (" [...]" if len(text) > _MOST_LETTERS else "")


def plain(text: str) -> str:
    """As one printable line: a name may hold newlines, escapes, or bytes that are no text."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def nearest(name: str, names: Iterable[str]) -> str:
    """A clause that names the closest known names, or all of them when none is close."""
    known = sorted(names)
    close = difflib.get_close_matches(name[:_MOST_COMPARED], known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"


def choose(table: Mapping[str, T], name: str, key: str) -> T:
    """`table[name]`, or a UserError that names the config key and the nearest entries."""
    if name not in table:
        raise UserError(f"{key}={name!r} is not known; {nearest(name, table)}")
    return table[name]
