"""The config's part of a command line: `--config=PATH` and `--config.KEY=VALUE`."""

import ast
import copy
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from ml_collections import ConfigDict, FieldReference

from gen_jax.config.keys import dotted, unknown_key
from gen_jax.errors import UserError

_EXPECTED = {
    bool: "true or false",
    int: "an int",
    float: "a float",
    str: "a string",
    tuple: "a tuple",
}


def split_args(argv: Sequence[str]) -> tuple[str | None, list[str], list[str]]:
    """Takes the config's arguments out of a command line.

    Understands `--config=PATH`, `--config PATH`, `--config.KEY=VALUE` and `--config.KEY VALUE`,
    with one dash or two, anywhere before a bare `--`.

    Args:
        argv: the arguments, with or without the program's name in front.

    Returns:
        (path or None, overrides as "KEY=VALUE" in order, everything else in order)

    Raises:
        UserError: an argument without its value, or two paths.
    """
    path: str | None = None
    overrides: list[str] = []
    rest: list[str] = []
    args = list(argv)
    while args:
        arg = args.pop(0)
        if arg == "--":
            return path, overrides, [*rest, arg, *args]
        match = re.fullmatch(r"--?(config(?:\.([^=]*))?)(?:=(.*))?", arg, re.DOTALL)
        if match is None:
            rest.append(arg)
            continue
        flag, key, value = match.groups()
        # A value may start with one dash (-0.5); two start the next flag.
        if value is None and args and not args[0].startswith("--"):
            value = args.pop(0)
        if key is not None and value is not None:
            overrides.append(f"{key}={value}")
        elif not value:
            raise UserError(f"--{flag} needs a value: --{flag}={'VALUE' if key else 'PATH'}")
        elif path is not None:
            raise UserError(f"--config is given twice: {path} and {value}")
        else:
            path = value
    return path, overrides, rest


def override(config: ConfigDict, settings: Iterable[str]) -> ConfigDict:
    """Returns a copy of `config` with "KEY=VALUE" settings applied, later ones winning.

    A value has the type of the key's default: int, float (an int will do), bool (true, false, 1,
    0), str (quotes are optional) or a tuple, whose items have the type of the default's items if
    it has any; one item alone will do. `None` is for keys declared with `config_dict.placeholder`
    only.

    Raises:
        UserError: unknown key (the nearest is named), a section in place of a key, or a wrong type.
    """
    config = copy.deepcopy(config)
    keys = dotted(config)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if key not in keys:
            raise unknown_key(key, keys)
        if not equals:
            raise UserError(f"{key} needs a value: {key}=VALUE")
        *sections, name = key.split(".")
        section = config
        for part in sections:
            section = section[part]
        kind = section.get_type(name)
        if kind not in _EXPECTED:
            raise UserError(f"{key} holds a {kind.__name__}: set it in the config file")
        if text == "None" and _is_placeholder(section, name):
            section[name] = None
            continue
        try:
            section[name] = _parse(text, kind, keys[key])
        except ValueError:
            expected = _EXPECTED[kind]
            if kind is tuple:
                item = _item_type(keys[key])
                expected += f" of {item.__name__}s like {keys[key]}" if item else " such as 1,2"
            raise UserError(f"{key} expects {expected}, got {text!r}") from None
    return config


def _is_placeholder(section: ConfigDict, name: str) -> bool:
    return isinstance(section.to_dict(preserve_field_references=True)[name], FieldReference)


def _item_type(default: tuple | None) -> type | None:
    """The type of a tuple's items; None if it has none to tell it by."""
    kinds = [type(item) for item in default or ()]
    return float if float in kinds else next(iter(kinds), None)


def _items(value: Any) -> tuple:
    """Items of a tuple of any one type: "3" and "0.5,1" are numbers, "apple,rose" names."""
    if isinstance(value, str):
        value = [part.strip() for part in value.strip("()[]").split(",") if part.strip()]
    elements = value if isinstance(value, tuple | list) else (value,)
    if any(type(element) not in (int, float, str) for element in elements):
        raise ValueError
    return tuple(elements)


def _parse(text: str, kind: type, default: Any) -> Any:
    """`text` as a value of `kind`; ValueError where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of "a\\d", which may be a path
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = text
    if kind is str:
        if text == "None":
            raise ValueError
        return value if isinstance(value, str) else text
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError
        return text.lower() in ("true", "1")
    if kind is tuple:
        item = _item_type(default)
        if item is str and isinstance(value, str):
            value = [part.strip() for part in value.strip("()[]").split(",") if part.strip()]
        if item is None:
            return _items(value)
        elements = value if isinstance(value, tuple | list) else (value,)
        return tuple(_scalar(element, item) for element in elements)
    return _scalar(value, kind)


def _scalar(value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError from None
    if type(value) is not kind or value in (math.inf, -math.inf):
        raise ValueError
    return value
