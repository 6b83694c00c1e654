"""Numbers as a reader wants them, and the plain tables of a report."""

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gen_jax.report.document import Table

NOT_FINITE = ("NaN", "∞", "−∞")


def number(value: Any) -> str:
    """A measured value at four significant digits, with thousands set apart.

    >>> number(0.0371234), number(50000), number(1234.5678), number(2e-7), number(float("nan"))
    ('0.03712', '50,000', '1,235', '2e-07', 'NaN')
    """
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return exact(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if abs(value) >= 1e15 or (value and abs(value) < 1e-4):
        text = f"{value:.3g}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def exact(value: Any) -> str:
    """A setting as it was written: nothing rounded, text without quotes, lists as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False, default=str)


def tick(value: float) -> str:
    """A short axis label: 12000 is "12k", 2500000 is "2.5M"."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds as "41 s", "3 min 12 s" or "1 h 42 min", spaces unbreakable."""
    if not math.isfinite(seconds):
        return number(float(seconds))
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\N{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}\N{NBSP}min\N{NBSP}{whole % 60}\N{NBSP}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}\N{NBSP}h\N{NBSP}{minutes % 60}\N{NBSP}min"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, with dotted names: {"a": {"b": 1}} is {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def settings_table(
    settings: Mapping[str, Any], columns: Sequence[str] = ("key", "value"), caption: str = ""
) -> Table:
    """A table of exact settings, one dotted name a row, in the order given."""
    rows = tuple((name, exact(value)) for name, value in flatten(settings).items())
    return Table(tuple(columns), rows, caption, code=(0, 1))


def values_table(
    values: Mapping[str, Any],
    units: Mapping[str, Any],
    caption: str = "",
    errors: Mapping[str, Any] = MappingProxyType({}),
) -> Table:
    """A table of measured values, with their standard errors and units where there are any."""
    rows: list[tuple[str, ...]] = []
    for name, value in flatten(values).items():
        error = errors.get(name)
        cell = number(value) if error is None else f"{number(value)} ± {error:.2g}"
        rows.append((name, cell, str(units.get(name, ""))))
    columns: tuple[str, ...] = ("quantity", "value", "unit")
    if not any(row[2] for row in rows):
        columns, rows = columns[:2], [row[:2] for row in rows]
    return Table(columns, tuple(rows), caption, numeric=(1,), code=(0,))
