"""What a config must agree with: the base that declares its keys, and the run it resumes."""

import fnmatch
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gen_jax.config.keys import dotted, to_json, unknown_key
from gen_jax.errors import UserError

# Keys (or patterns) that may differ when a run resumes: they say how long, how often and from
# where, not what is being trained. (A run remembers the digest of frozen weights.)
RESUMABLE: frozenset[str] = frozenset(
    {
        "num_epochs",
        "num_steps",
        "log_every",
        "sample_every",
        "eval_every",
        "eval_epochs",
        "checkpoint_every",
        "keep_checkpoints",
        "ledger_every",
        "profile",
        "resume.*",
        "data.dir",
        "data.stream",
        "data.cache",
        "data.resident",
        "perceptual.weights",
        "eval.*",
    }
)

PATHS: tuple[str, ...] = (
    *("data.dir", "data.cache", "perceptual.weights"),
    *("eval.cache", "eval.classifier", "eval.inception_weights"),
)
"""Keys that hold a path: what lies there is told by digest, where it lies says nothing of it."""

OF_THE_MACHINE: frozenset[str] = frozenset({*PATHS, "data.stream", "data.resident"})
"""Keys that say where and how a machine finds what a run needs; the numbers are the same."""


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


_ABSENT = _Absent()


def check_against_base(config: ConfigDict, base: ConfigDict) -> None:
    """Raises UserError unless `config` has the keys of `base`, all and only, with their types."""
    declared, ours = dotted(base), dotted(config)
    for key, value in ours.items():
        if key not in declared:
            raise unknown_key(key, declared)
        # ml_collections checks types as well, but lets any key become None.
        expected = type(declared[key])
        if declared[key] is not None and not isinstance(value, expected):
            raise UserError(f"config key {key} expects a {expected.__name__}, got {value!r}")
        if isinstance(value, tuple):
            _check_items(key, value, declared[key])
    if missing := ", ".join(key for key in declared if key not in ours):
        raise UserError(
            f"the config lacks {missing}; start it from get_config() of configs/base.py"
        )


def _check_items(key: str, value: tuple, default: tuple | None) -> None:
    """Raises UserError for an item that is neither number nor string, or not as the default's."""
    kinds = {type(item) for item in default or ()} or {int, float, str}
    kinds |= {int} if float in kinds else set()
    for item in value:
        if type(item) not in kinds:
            names = " or ".join(sorted(kind.__name__ for kind in kinds))
            raise UserError(f"config key {key} holds items of type {names}, got {item!r}")


def check_resume(saved: dict[str, Any], config: ConfigDict, workdir: str | Path) -> None:
    """Refuses to continue the run in `workdir` under a config that would train something else.

    Args:
        saved: the nested dict that `to_json` gave when the run began.
        config: the config of this command.
        workdir: for the message.

    Raises:
        UserError: keys outside `RESUMABLE` differ; they are listed, old -> new.
    """
    old, new = dotted(saved), dotted(to_json(config))
    changes = [
        f"{key} {old.get(key, _ABSENT)!r} -> {new.get(key, _ABSENT)!r}"
        for key in {**old, **new}
        if old.get(key, _ABSENT) != new.get(key, _ABSENT) and not may_change(key)
    ]
    if changes:
        free = [pattern for pattern in sorted(RESUMABLE) if fnmatch.filter(new, pattern)]
        raise UserError(
            f"workdir {workdir} was made by another config: {', '.join(changes)}; use another "
            f"--workdir or the old values (may change on resume: {', '.join(free)})"
        )


def wherever_it_runs(config: ConfigDict) -> dict[str, Any]:
    """All values by dotted key that machines which train together share."""
    settings = dotted(to_json(config))
    return {key: value for key, value in settings.items() if key not in OF_THE_MACHINE}


def may_change(key: str) -> bool:
    """Whether a dotted key may differ when a run resumes."""
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in RESUMABLE)
