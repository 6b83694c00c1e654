"""Under what a run was made: its config, its data, the lines of gen_jax, versions and devices."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging
from ml_collections import ConfigDict

import gen_jax
from gen_jax import config as configs
from gen_jax.audit import ledger
from gen_jax.audit.findings import some
from gen_jax.errors import UserError
from gen_jax.train import workdir

PLACE = ("git_commit", "git_dirty", "python", "machine", "devices")
"""Entries of an environment that say where a run was made, not what could make its bits others."""


def now(config: ConfigDict, data: Mapping[str, Any], together: int = 1) -> dict[str, Any]:
    """What a ledger's begin line records: "config" (nested), "data", "code" and "environment".

    Runs of `together` seeds in one program are, to rounding, what each would be alone, as on
    another device.
    """
    stacked = {"seeds_in_one_program": together} if together > 1 else {}
    return {
        "config": configs.to_json(config),
        "data": dict(data),
        "code": code(),
        "environment": workdir.environment() | stacked,
    }


def check_resume(run: Path, config: ConfigDict, now: Mapping[str, Any]) -> None:
    """Logs that a run is about to be resumed by other code, versions or devices, or refuses.

    Raises:
      UserError: it is, and `resume.code` is "refuse".
    """
    begun = ledger.read(run).begun()
    if not begun:
        return
    found = code_changes(begun[-1]["code"], now["code"])
    found |= environment_changes(begun[-1]["environment"], now["environment"])
    if not found:
        return
    line = f"{run} was trained under other circumstances so far: {told(found)}"
    if config.resume.code == "refuse":
        raise UserError(
            f"{line}; go back to those, or pass --config.resume.code=record to go on all the same"
        )
    logging.warning("%s; %s records it.", line, ledger.FILE)


def code() -> dict[str, str]:
    """The first 64 bits of SHA-256 (hex) of every Python file of gen_jax, by its path there."""
    root = Path(gen_jax.__file__).parent
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(root.rglob("*.py"))
    }


def recorded(begin: Mapping[str, Any], mine: ConfigDict) -> ConfigDict:
    """The config of a begin line, with what may change on resuming as another config has it."""
    base = configs.base()
    flat = configs.dotted(configs.to_json(configs.from_json(begin["config"], base)))
    now = configs.dotted(configs.to_json(mine))
    flat |= {key: value for key, value in now.items() if configs.may_change(key)}
    config = configs.from_json(flat, base)
    configs.check_against_base(config, base)
    configs.check_values(config)
    return config


def config_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Keys of two nested configs that differ, and how: {"loss.beta": "0.2 -> 0.3"}.

    Not those that may change when a run resumes. A key that one side does not know yet counts as
    having its default there.
    """
    defaults = configs.dotted(configs.to_json(configs.base()))
    found = changes(*(defaults | configs.dotted(dict(side)) for side in (then, now)))
    return {key: how for key, how in found.items() if not configs.may_change(key)}


def code_changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Files of gen_jax that differ: {"nets/conv.py": "changed"}, "new" or "gone"."""
    return {
        name: "new" if name not in then else "gone" if name not in now else "changed"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    }


def environment_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Versions, devices and threads that differ: {"jax": "0.10.2 -> 0.11.0"}."""
    kept = [{k: v for k, v in side.items() if k not in PLACE} for side in (then, now)]
    return changes(*kept)


def environment_now(begun: list[dict[str, Any]]) -> dict[str, str]:
    """`environment_changes` between any of some begin lines and this process.

    A run that was not to be deterministic is as good as on other devices everywhere.
    """
    here = workdir.environment()
    found: dict[str, str] = {}
    for line in begun:
        found |= environment_changes(line["environment"], here)
        if not line["config"].get("deterministic", True):
            found["deterministic"] = "False"
    return found


def told(found: Mapping[str, str]) -> str:
    """The first few of some changes in one clause."""
    return some(f"{name} {how}" for name, how in found.items())


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Entries that differ, and how: {"num_train": "10 -> 20"}."""
    return {
        name: f"{then.get(name, 'absent')!r} -> {now.get(name, 'absent')!r}"
        for name in sorted({*then, *now})
        if then.get(name, "absent") != now.get(name, "absent")
    }
