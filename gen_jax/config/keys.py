"""A config as flat dotted keys, as plain JSON and as one digest."""

import copy
import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gen_jax.errors import UserError

_MOST_COMPARED = 100  # letters; the comparison takes the square of them


OF_THE_COMMAND = "resume"
"""The section that says what a command may do, not what a run is: no digest covers it."""


def dotted(config: ConfigDict | Mapping[str, Any]) -> dict[str, Any]:
    """All values by dotted key, {"loss.beta": 0.2, ...}, sections sorted by name."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict | Mapping):
            flat |= {f"{name}.{inner}": leaf for inner, leaf in dotted(value).items()}
        else:
            flat[name] = value
    return flat


def to_json(config: ConfigDict) -> dict[str, Any]:
    """The config as nested plain dicts that survive JSON: tuples become lists, placeholders None.

    Raises:
        UserError: a value that JSON cannot hold (an object, an infinity); the key is named.
    """
    return {name: _plain(value, name) for name, value in config.items()}


def _plain(value: Any, key: str) -> Any:
    if isinstance(value, ConfigDict):
        return {name: _plain(inner, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, key) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise UserError(f"config key {key} holds {value!r}, which config.json cannot store")


def digest(config: ConfigDict) -> str:
    """SHA-256 (hex) of the config's canonical JSON: sorted keys, no spaces, UTF-8."""
    content = {name: value for name, value in to_json(config).items() if name != OF_THE_COMMAND}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unknown_key(key: str, known: Iterable[str]) -> UserError:
    """The error for a key that is not one of the dotted keys `known`; it names the nearest."""
    known = list(known)
    inside = [other for other in known if other.startswith(f"{key}.")]
    if inside:
        return UserError(f"config key {key} is a section; its keys are {', '.join(inside)}")
    # The right name in a wrong section is nearer than any similar spelling.
    same = [other for other in known if other.split(".")[-1] == key.split(".")[-1]]
    near = difflib.get_close_matches(key[:_MOST_COMPARED], same or known, n=1, cutoff=0.0)
    return UserError(f"no config key {key}" + (f"; did you mean {near[0]}?" if near else ""))


def from_json(saved: Mapping[str, Any], base: ConfigDict) -> ConfigDict:
    """The config that `to_json` gave `saved`, typed like `base`; UserError where it is not."""
    config = copy.deepcopy(base)
    declared = dotted(base)
    for key, value in dotted(saved).items():
        if key not in declared:
            raise unknown_key(key, declared)
        section = config
        *sections, name = key.split(".")
        for part in sections:
            section = section[part]
        try:
            section[name] = tuple(value) if isinstance(value, list) else value
        except TypeError as error:
            kind = section.get_type(name).__name__
            raise UserError(f"config key {key} expects a {kind}, got {value!r}") from error
    return config
