"""The one exception a user may meet, and the commonest reason for it: a name that is not one."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


class UserError(Exception):
    """Bad input (config, data, flags, workdir). The launcher prints its line and exits with 2."""


def nearest(name: str, names: Iterable[str]) -> str:
    """A clause that names the closest known names, or all of them when none is close."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"


def choose(table: Mapping[str, T], name: str, key: str) -> T:
    """`table[name]`, or a UserError that names the config key and the nearest entries."""
    if name not in table:
        raise UserError(f"{key}={name!r} is not known; {nearest(name, table)}")
    return table[name]
