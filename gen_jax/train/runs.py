"""The runs that train together, and the step that all of them go on from."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
from absl import logging
from ml_collections import ConfigDict

from gen_jax.core import keys, processes
from gen_jax.core.state import Family, TrainState
from gen_jax.errors import UserError
from gen_jax.train.books import Hooks
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.records import has_records


class Run(NamedTuple):
    """One of the runs that train together.

    Attributes:
      config, workdir, checkpoints, hooks: its own; configs differ in their seeds alone. Of several
        processes the first alone uses all but the config.
      name: what tells it from the others in what is printed.
    """

    config: ConfigDict
    workdir: Path
    checkpoints: Checkpoints
    hooks: Hooks
    name: str = ""


def begin(family: Family, runs: Sequence[Run]) -> list[TrainState]:
    """The states to go on from, all of one step."""
    init = jax.jit(family.init)
    states = [init(keys.stream(run.config.seed, "init")) for run in runs]
    if not processes.first():
        return states
    if len(runs) == 1:
        if runs[0].checkpoints.latest_step() is not None:
            states = [runs[0].checkpoints.restore(states[0])[0]]
    elif any(run.checkpoints.steps() for run in runs):
        states = _shared(runs, states)
    if step := int(states[0].step):
        logging.info("Resuming at step %d.", step)
    return states


def _shared(runs: Sequence[Run], states: list[TrainState]) -> list[TrainState]:
    """The states of the newest step of which every run has an intact checkpoint.

    Runs killed together are at most one checkpoint apart: those that are ahead go back.
    """
    saved = [run.checkpoints.steps() for run in runs]
    if _before_the_first(runs, saved):
        for run in runs:
            run.checkpoints.go_back(0)
        return states
    reason = "none is of the same step"
    for step in sorted(set.intersection(*map(set, saved)), reverse=True):
        try:
            found = [
                run.checkpoints.restore(state, step)[0]
                for run, state in zip(runs, states, strict=True)
            ]
        except UserError as error:  # damaged
            reason = str(error)
            continue
        for run in runs:
            run.checkpoints.go_back(step)
        return found
    raise UserError(
        f"the runs of {len(runs)} seeds have no checkpoints to go on from together: {reason}; "
        "train those that lag behind by themselves, each with its own --workdir, or remove the "
        "folder of a seed that was never trained so far"
    )


def _before_the_first(runs: Sequence[Run], saved: Sequence[Sequence[int]]) -> bool:
    """Whether all were killed as the first of them saved for the first time.

    Those that have nothing saved were being trained: a run that never was has no records.
    """
    behind = [run for run, steps in zip(runs, saved, strict=True) if not steps]
    first = {step for steps in saved for step in steps}
    return bool(behind) and len(first) == 1 and all(has_records(run.workdir) for run in behind)
