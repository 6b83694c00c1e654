"""What one command works on: a config, a workdir, and the parts of a run that follow from them."""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax import data
from gen_jax.core.state import Family
from gen_jax.data import content
from gen_jax.data.spec import Split
from gen_jax.errors import UserError, choose
from gen_jax.evals.model import Model
from gen_jax.families import FAMILIES
from gen_jax.train import records, workdir
from gen_jax.train.checkpoints import Checkpoints


class Job(NamedTuple):
    """One command: its config, its workdir and the flags some modes take."""

    name: str
    config: ConfigDict
    workdir: Path
    flags: argparse.Namespace


class Parts(NamedTuple):
    """Data and model of a job.

    Attributes:
      train, test: the splits.
      family: the model, as functions.
      prints: fingerprints of every example of each split, by its name; empty for data that are
        decoded on demand, which would have to be decoded for it.
    """

    train: Split
    test: Split
    family: Family
    prints: dict[str, np.ndarray]

    def described(self) -> dict[str, Any]:
        """What must not change about them."""
        contents = {f"{name}_content": content.digest(each) for name, each in self.prints.items()}
        return workdir.describe(self.train, self.test, self.family.frozen) | contents


def of_workdir(path: str | Path, flags: argparse.Namespace) -> Job:
    """The job of an earlier run, under the config in its workdir; UserError if it has none."""
    saved = workdir.read_config(Path(path))
    if saved is None:
        raise UserError(f"no run in {path}: its config.json is not there")
    base = configs.base()
    config = configs.from_json(saved["config"], base)
    configs.check_against_base(config, base)
    configs.check_values(config)
    return Job(str(saved.get("name", "run")), config, Path(path), flags)


def seeds(job: Job) -> list[Job]:
    """The jobs of every seed, each of a run like any other; the job itself if it has one seed.

    Raises:
      UserError: the workdir is that of a run.
    """
    count = job.config.get("num_seeds", 1)
    if count == 1:
        return [job]
    if workdir.read_config(job.workdir) is not None:
        raise UserError(
            f"{job.workdir} holds the run of one seed; num_seeds={count} takes another --workdir"
        )
    jobs = []
    for seed in range(job.config.seed, job.config.seed + count):
        config = job.config.copy_and_resolve_references()
        config.update(seed=seed, num_seeds=1)
        jobs.append(job._replace(config=config, workdir=job.workdir / f"seed{seed}"))
        workdir.check_contained(jobs[-1].workdir)
    return jobs


def load(job: Job) -> Parts:
    """The parts, from the config alone; UserError for what does not exist or fit."""
    train_split = data.load(job.config.data, "train")
    test_split = data.load(job.config.data, "test")
    made = choose(FAMILIES, job.config.family, "family")(job.config, train_split.spec)
    streamed = job.config.data.stream
    prints = {} if streamed else {"train": train_split, "test": test_split}
    return Parts(
        train_split,
        test_split,
        made,
        {name: content.fingerprints(split) for name, split in prints.items()},
    )


def family(job: Job, parts: Parts) -> Family:
    """The model of another job on the same data."""
    return FAMILIES[job.config.family](job.config, parts.train.spec)


def checkpoints(job: Job, model: Family, read_only: bool = False) -> Checkpoints:
    """The checkpoints in the job's workdir."""
    metric, mode = model.best or (None, "min")
    return Checkpoints(
        job.workdir / "checkpoints",
        keep_latest=job.config.keep_checkpoints,
        best_metric=metric,
        best_mode=mode,
        config_digest=configs.digest(job.config),
        read_only=read_only,
    )


def restore(job: Job) -> Model:
    """The newest intact checkpoint as a model."""
    if workdir.read_config(job.workdir) is None:
        raise UserError(f"no run in {job.workdir}: train first, or pass --workdir")
    parts = load(job)
    workdir.check_same_run(job.workdir, job.config, parts.described())
    return newest(job, parts)


def newest(job: Job, parts: Parts, at: int | None = None) -> Model:
    """Likewise, or that of a step, whatever config and data the workdir was made with."""
    with checkpoints(job, parts.family, read_only=True) as saved:
        target = jax.eval_shape(parts.family.init, jax.random.key(0))
        state, step, _ = saved.restore(target, at)
    state, past = jax.device_put(state), history(job, step)
    return Model(parts.family, state, job.config, parts.train, parts.test, step, past)


def history(job: Job, step: int) -> tuple[dict[str, Any], ...]:
    """The records of the training up to a step."""
    return tuple(record for record in records.read(job.workdir) if record["step"] <= step)
