"""The types that the JSON files of a workdir have, as far as a report relies on them.

The files may be anybody's. What does not fit is taken out before a section meets it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gen_jax.core.strict_json import is_int, is_number

Types = Mapping[str, Callable[[Any], bool]]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_number, value))


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


CONFIG: Types = {"config": _is_object, "data": _is_object, "name": _is_text, "digest": _is_text}
SETTINGS: Types = {
    "batch_size": is_int,
    "n_critic": is_int,
    "log_every": is_int,
    "seed": is_int,
    "family": _is_text,
    "conditional": lambda value: isinstance(value, bool),
    "data": _is_object,
    "eval": _is_object,
    "eval_epochs": _are_numbers,
}
"""Of what stands in "config"."""
ENVIRONMENT: Types = {"parameters": _is_object, "resumed": _are_objects}
EVALUATION: Types = {
    "name": _is_text,
    "step": is_int,
    "values": _is_object,
    "units": _is_object,
    "errors": _is_object,
    "protocol": _is_object,
    "verdict": _is_text,
}


def fitting(content: Mapping[str, Any], types: Types) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entries that have their types, or None for a value, and the names of the others."""
    wrong = tuple(
        name
        for name, value in content.items()
        if name in types and value is not None and not types[name](value)
    )
    return {name: value for name, value in content.items() if name not in wrong}, wrong
