"""JSON from files that anyone may have written: bounded before it is believed."""

import json
import math
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20
"""Of one file."""
DEEPEST = 32
"""Lists and objects inside each other; what a run writes has five."""


def read(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """The content of a JSON file; raises as `parse`, ValueError if too large, or OSError."""
    if path.stat().st_size > most_bytes:
        raise ValueError(f"it has over {most_bytes // 2**20} MiB")
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Any:
    """What a JSON text says; NaN and infinities may be in it.

    Raises:
        ValueError: it is no JSON, it is nested over `DEEPEST` deep, or a whole number has no place
            in 64 bits.
    """
    try:
        content = json.loads(text, parse_int=_int64)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # Readers of the result are recursive, and some of them know a smaller limit than the parser.
    level = [content]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return content
    raise ValueError("it is nested too deeply")


def is_int(value: Any) -> bool:
    """Whether a parsed value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a parsed value is a number, finite or not; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_float(value: float) -> float:
    """A number to reckon with: what no run comes to counts as infinite, lest sums overflow."""
    return (
        float(value)
        if not math.isfinite(value) or abs(value) < 1e100
        else math.copysign(math.inf, value)
    )


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _int64(text: str) -> int:
    # NumPy refuses larger ones with an OverflowError, Python to print them from 4,300 digits on.
    value = int(text) if len(text) < 24 else 2**63
    if not -(2**63) <= value < 2**63:
        raise ValueError("a whole number in it has no place in 64 bits")
    return value
