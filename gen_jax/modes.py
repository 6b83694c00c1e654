"""What a command can do with a config and a workdir: train, evaluate, sample, report; compare."""

import argparse
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from clu import parameter_overview
from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax import data, evals, hooks, report
from gen_jax.core import parallel
from gen_jax.core.files import write_bytes
from gen_jax.core.state import Family
from gen_jax.data.spec import Split
from gen_jax.errors import UserError, choose, nearest
from gen_jax.evals import cas, fidelity, namer
from gen_jax.evals.model import Model, to_uint8
from gen_jax.families import FAMILIES
from gen_jax.report import comparison, images, points
from gen_jax.train import loop, records, workdir
from gen_jax.train.checkpoints import Checkpoints


class Job(NamedTuple):
    """One command: its config, its workdir and the flags some modes take."""

    name: str
    config: ConfigDict
    workdir: Path
    flags: argparse.Namespace


def train(job: Job) -> None:
    """Trains (or resumes), then evaluates the final state and writes the report."""
    train_split, test_split, family = _load(job)
    parallel.check_batch(job.config.batch_size, job.config.discriminator.pack)
    steps = loop.total_steps(job.config, train_split, family.draws)
    loop.check_decay(job.config, train_split, family.draws, steps)
    _check_evaluations(job.config, train_split, test_split, family)
    described = workdir.describe(train_split, test_split, family.frozen)
    with workdir.open_for_training(job.workdir, job.config, job.name, described):
        model = _trained(job, family, train_split, test_split)
        _evaluate(job, model)
        _report(job)


def _trained(job: Job, family: Family, train_split: Split, test_split: Split) -> Model:
    """The model after its training, as far as that has not been done already."""
    with _checkpoints(job, family) as checkpoints:
        shapes = jax.eval_shape(family.init, jax.random.key(0))
        counts = {
            name: int(parameter_overview.count_parameters(net))
            for name, net in shapes.params.items()
        }
        _write_overview(job, shapes.params)
        workdir.record_environment(
            job.workdir, checkpoints.latest_step() or 0, workdir.command_line(), counts
        )
        model = Model(family, shapes, job.config, train_split, test_split, 0)
        asides = hooks.make(model, job.workdir)
        state = loop.train(job.config, family, train_split, job.workdir, checkpoints, asides)
    if family.export is not None:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **family.export(state))
        write_bytes(job.workdir / f"{job.config.family}.npz", buffer.getvalue())
    step = int(state.step)
    return model._replace(state=state, step=step, history=_history(job, step))


def evaluate(job: Job) -> None:
    """Evaluates the newest intact checkpoint and writes the report."""
    model = restore(job)
    _check_evaluations(job.config, model.train, model.test, model.family)
    _evaluate(job, model)
    _report(job)


def sample(job: Job) -> None:
    """Draws pictures from the newest intact checkpoint: a grid, single PNGs and samples.npz.

    Of points in the plane there is one picture, and samples.npz.
    """
    if job.flags.num < 1:
        raise UserError(f"--num={job.flags.num}: at least one picture")
    if not 0 <= job.flags.seed < 2**32:
        raise UserError(f"--seed={job.flags.seed}: must be at least 0 and below 2**32")
    if job.flags.labels is not None and not job.config.conditional:
        raise UserError("--labels: this model is not conditional (conditional=False); leave it out")
    model = restore(job)
    names = model.test.spec.class_names if job.config.conditional else ("sample",)
    chosen = _labels(job.flags.labels, names)
    labels = np.sort(np.resize(np.arange(len(chosen)), job.flags.num))
    labels = chosen[labels].astype(np.int32)
    drawn = model.sample(labels, seed=job.flags.seed)
    folder = job.workdir / "generated" / _folder_name(job.flags, model.step)
    if model.test.spec.modes:
        drawn, kind = drawn.reshape(-1, 2), "points"
        images.save_png(folder / "grid.png", points.picture(drawn, np.array(model.test.spec.modes)))
    else:
        drawn, kind = to_uint8(drawn), "pictures"
        _write_pictures(folder, drawn, [names[label] for label in labels])
    buffer = io.BytesIO()
    np.savez(buffer, arr_0=drawn, labels=labels)
    write_bytes(folder / "samples.npz", buffer.getvalue())
    print(f"{len(drawn)} {kind} of step {model.step} in {folder}")


def write_report(job: Job) -> None:
    """Writes report.md and report.html from the workdir as it is."""
    _report(job)


def compare(job: Job) -> None:
    """Writes report.md and report.html of several runs into a folder of their own."""
    entries = [entry.strip() for entry in job.flags.runs.split(",") if entry.strip()]
    defaults = configs.to_json(configs.base())
    print(f"comparison: {comparison.write(entries, job.workdir, defaults)}")


MODES: dict[str, Callable[[Job], None]] = {
    "train": train,
    "evaluate": evaluate,
    "sample": sample,
    "report": write_report,
    "compare": compare,
}


def _check_evaluations(
    config: ConfigDict, train_split: Split, test_split: Split, family: Family
) -> None:
    """Raises UserError, before any of them begins, for what an evaluation would refuse."""
    section, points = config.eval, bool(test_split.spec.modes)
    if section.classifier and points:
        raise UserError("eval.classifier names pictures, not points; leave it out")
    if section.svm_examples and family.features is None:
        raise UserError(
            f"eval.svm_examples={section.svm_examples}: this model has no discriminator of "
            "convolutions that sees images one by one; leave it at 0"
        )
    if section.classifier:
        namer.load(section.classifier, test_split.spec)
    fidelity.check(config, train_split, test_split)
    if family.sample is not None:
        cas.check(config, train_split)


def _load(job: Job) -> tuple[Split, Split, Family]:
    train_split = data.load(job.config.data, "train")
    test_split = data.load(job.config.data, "test")
    make = choose(FAMILIES, job.config.family, "family")
    return train_split, test_split, make(job.config, train_split.spec)


def _checkpoints(job: Job, family: Family, read_only: bool = False) -> Checkpoints:
    metric, mode = family.best or (None, "min")
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
    train_split, test_split, family = _load(job)
    described = workdir.describe(train_split, test_split, family.frozen)
    workdir.check_same_run(job.workdir, job.config, described)
    with _checkpoints(job, family, read_only=True) as checkpoints:
        target = jax.eval_shape(family.init, jax.random.key(0))
        state, step, _ = checkpoints.restore(target)
    history = _history(job, step)
    return Model(family, jax.device_put(state), job.config, train_split, test_split, step, history)


def _history(job: Job, step: int) -> tuple[dict[str, Any], ...]:
    """The records of the training up to a step."""
    return tuple(record for record in records.read(job.workdir) if record["step"] <= step)


def _evaluate(job: Job, model: Model) -> None:
    results = evals.write(model, job.workdir / "evals", configs.digest(job.config))
    for name, result in results.items():
        numbers = "  ".join(f"{key} {value:.4g}" for key, value in result.values.items())
        print(f"{name}: {numbers}")
        if result.verdict:
            print(f"  {result.verdict}")


def _report(job: Job) -> None:
    print(f"report: {report.write(job.workdir)}")


def _write_overview(job: Job, params: dict) -> None:
    tables = (
        f"{name}\n{parameter_overview.get_parameter_overview(net, include_stats=False)}\n"
        for name, net in params.items()
    )
    write_bytes(job.workdir / "parameters.txt", "\n".join(tables).encode())


def _write_pictures(folder: Path, pictures: np.ndarray, names: Sequence[str]) -> None:
    """Pictures uint8 [n, H, W, C], each in a PNG that bears its name, and all in grid.png."""
    for i, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        images.save_png(folder / f"{i:05}_{name.replace('/', '-')}.png", picture)
    columns = min(len(pictures), max(8, int(len(pictures) ** 0.5)))
    blank = np.full((-len(pictures) % columns, *pictures.shape[1:]), 255, np.uint8)
    cells = np.concatenate([pictures, blank]).reshape(-1, columns, *pictures.shape[1:])
    images.save_png(folder / "grid.png", images.grid(cells, upscale=2))


def _labels(text: str | None, names: tuple[str, ...]) -> np.ndarray:
    """Class indices of comma-separated names or numbers; all of them for None."""
    if text is None:
        return np.arange(len(names))
    known = {name: i for i, name in enumerate(names)}
    known |= {str(i): i for i in range(len(names)) if str(i) not in known}
    chosen = []
    for label in (part.strip() for part in text.split(",")):
        if label not in known:
            raise UserError(f"--labels: no class {label!r}; {nearest(label, names)}")
        chosen.append(known[label])
    return np.array(chosen)


def _folder_name(flags: argparse.Namespace, step: int) -> str:
    """A folder of its own for each distinct request."""
    name = f"step{step}_seed{flags.seed}_num{flags.num}"
    if flags.labels is None:
        return name
    label = flags.labels.replace(" ", "").replace(",", "-").replace("/", "-")
    if len(label) > 60:
        label = hashlib.sha256(label.encode()).hexdigest()[:12]
    return f"{name}_{label}"
