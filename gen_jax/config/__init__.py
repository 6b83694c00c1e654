"""Configs: load a file, set keys from the command line, store, digest and compare.

A config file is Python with a `get_config()` that returns an `ml_collections.ConfigDict`.
`configs/base.py` declares every key; a variant starts from it::

    from configs.base import get_config as base_config

    def get_config():
        config = base_config()
        config.loss.beta = 0.2
        return config

Whatever a user can get wrong here is a `UserError` of one line: a missing file, a misspelt key, a
value of the wrong type. `ml_collections.config_flags` answers the same mistakes with tracebacks, so
the command line is read by `split_args` and `override` instead.
"""

from gen_jax.config.checks import (
    OF_THE_MACHINE,
    PATHS,
    RESUMABLE,
    check_against_base,
    check_resume,
    may_change,
    wherever_it_runs,
)
from gen_jax.config.command_line import override, split_args
from gen_jax.config.files import base, load
from gen_jax.config.ignored import check_ignored, reads
from gen_jax.config.keys import OF_THE_COMMAND, digest, dotted, from_json, to_json
from gen_jax.config.ranges import check_values

__all__ = [
    "OF_THE_COMMAND",
    "OF_THE_MACHINE",
    "PATHS",
    "RESUMABLE",
    "base",
    "check_against_base",
    "check_ignored",
    "check_resume",
    "check_values",
    "digest",
    "dotted",
    "from_json",
    "load",
    "may_change",
    "override",
    "reads",
    "split_args",
    "to_json",
    "wherever_it_runs",
]
