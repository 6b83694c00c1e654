"""Numbers outside the range in which their key means anything."""

import fnmatch
import math

from ml_collections import ConfigDict

from gen_jax.config.keys import dotted
from gen_jax.errors import UserError

POSITIVE = (
    "num_seeds",
    "batch_size",
    "log_every",
    "keep_checkpoints",
    "z_dim",
    "label_dim",
    "*.lr",
    "eval.batch_size",
    "eval.examples",
    "eval.samples",
    "eval.grid_rows",
    "eval.grid_columns",
    "loss.num_samples",
    "n_critic",
    "discriminator.pack",
    "classifier.blocks",
    "eval.classified",
    "eval.inversion_steps",
)
BELOW_ONE = ("ema_decay", "optimizer.b1", "optimizer.b2", "*.dropout")
"""At least 0 and below 1. Every other number may be 0, none may be negative."""
MOST_STEPS = 1000
"""Of a call."""
RESIDENT = ("auto", "always", "never")


def check_values(config: ConfigDict) -> None:
    """Raises UserError for a number out of range, naming its key."""
    for key, value in dotted(config).items():
        for item in value if isinstance(value, tuple) else (value,):
            _check_size(key, item)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if value < 0:
            raise UserError(f"{key}={value}: must not be negative")
        if value == 0 and any(fnmatch.fnmatchcase(key, pattern) for pattern in POSITIVE):
            raise UserError(f"{key}={value}: must be positive")
        if value >= 1 and any(fnmatch.fnmatchcase(key, pattern) for pattern in BELOW_ONE):
            raise UserError(f"{key}={value}: must be below 1")
    for epochs in config.eval_epochs:
        if isinstance(epochs, bool) or not isinstance(epochs, int | float) or epochs <= 0:
            raise UserError(f"eval_epochs={tuple(config.eval_epochs)}: must be positive numbers")
    if config.data.resident not in RESIDENT:
        choices = ", ".join(map(repr, RESIDENT))
        raise UserError(f"data.resident={config.data.resident!r}: must be one of {choices}")
    if config.steps_per_call > MOST_STEPS:
        raise UserError(
            f"steps_per_call={config.steps_per_call}: at most {MOST_STEPS}, whose images are sent "
            "together"
        )
    for key, value in config.resume.items():
        if value not in ("refuse", "record"):
            raise UserError(f"resume.{key}={value!r}: must be 'refuse' or 'record'")
    if config.seed >= 2**32:
        raise UserError(f"seed={config.seed}: must be below 2**32")
    if config.seed + config.num_seeds > 2**32:
        raise UserError(f"num_seeds={config.num_seeds}: the last seed must be below 2**32")


def _check_size(key: str, value: object) -> None:
    """Raises UserError for what NumPy or the file system has no place for."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UserError(f"{key}: a number of {value.bit_length()} bits; 64 have to do")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{key}={value}: must be finite")
    if isinstance(value, str) and "\0" in value:
        raise UserError(f"{key}={value!r}: must not hold a null byte")
