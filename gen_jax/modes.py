"""What a command can do with a config and a workdir: train, evaluate, sample, report, audit."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax import evals, hooks, report, several
from gen_jax.audit import circumstances, examples
from gen_jax.audit.command import audit
from gen_jax.audit.ledger import Ledger
from gen_jax.core import parallel, processes
from gen_jax.core.files import write_bytes
from gen_jax.core.state import Family
from gen_jax.data.spec import Split
from gen_jax.errors import UserError
from gen_jax.evals import augmentation, cas, ex_post, fidelity, fidelity_curve, namer
from gen_jax.evals.model import Model
from gen_jax.job import Job, Parts, checkpoints, family, history, load, restore, seeds
from gen_jax.sampling import sample
from gen_jax.train import calls, fits, loop, profile, resident, steps, workdir
from gen_jax.train.checkpoints import Checkpoints


def train(job: Job) -> None:
    """Trains (or resumes), then evaluates the final state and writes the report; of every seed.

    Of several processes the first does what comes after training; the others are done.
    """
    with processes.together():
        jobs = seeds(job)
        parts = load(jobs[0])
        _check_together(job, parts, len(jobs))
        draws = parts.family.draws
        parallel.check_batch(job.config.batch_size, job.config.discriminator.pack)
        num_steps = loop.total_steps(job.config, parts.train, draws)
        loop.check_decay(job.config, parts.train, draws, num_steps)
        if job.config.profile and workdir.read_config(jobs[0].workdir) is None:
            profile.check_length(0, num_steps, calls.steps_per_call(job.config))
        if processes.first():
            _check_evaluations(job.config, parts.train, parts.test, parts.family)
        described = parts.described()
    processes.check_alike(configs.wherever_it_runs(job.config), described)
    together = len(jobs) if steps.together_at_once(len(jobs)) else 1
    about = circumstances.now(job.config, described, together)
    abouts = [about | {"config": configs.to_json(each.config)} for each in jobs]
    with processes.together():
        if processes.first():  # all of them, before anything is written in one
            for each, about in zip(jobs, abouts, strict=True):
                circumstances.check_resume(each.workdir, each.config, about)
                workdir.check_trainable(each.workdir, each.config, about["data"])
    with ExitStack() as stack:
        for each, about in zip(jobs, abouts, strict=True):
            stack.enter_context(processes.by_first(partial(_opened, each, parts, about)))
        models = _trained(jobs, parts, abouts)
        if processes.first():
            for each, model in zip(jobs, models, strict=True):
                _evaluate(each, model)
                _report(each)


@contextmanager
def _opened(job: Job, parts: Parts, about: dict[str, Any]) -> Iterator[None]:
    """The workdir, held for training under the circumstances that its ledger will say."""
    circumstances.check_resume(job.workdir, job.config, about)
    with workdir.open_for_training(job.workdir, job.config, job.name, about["data"]):
        examples.write(job.workdir, parts.prints)
        yield


def _trained(jobs: list[Job], parts: Parts, abouts: list[dict[str, Any]]) -> list[Model]:
    """The models after their training, as far as that has not been done already."""
    families = [parts.family, *(family(each, parts) for each in jobs[1:])]
    shapes = jax.eval_shape(parts.family.init, jax.random.key(0))
    models = [
        Model(own, shapes, each.config, parts.train, parts.test, 0)
        for own, each in zip(families, jobs, strict=True)
    ]
    with ExitStack() as stack:
        runs = []
        for each, model, about in zip(jobs, models, abouts, strict=True):
            saved = stack.enter_context(
                processes.by_first(partial(checkpoints, each, model.family))
            )
            asides: Any = processes.Bystander()
            with processes.together():
                if processes.first():
                    asides = _asides(each, model, saved, about, len(jobs))
            name = f"seed {each.config.seed}" if len(jobs) > 1 else ""
            runs.append(loop.Run(each.config, each.workdir, saved, asides, name))
        states = loop.train(parts.family, parts.train, runs)
    processes.release()
    done = []
    for each, model, state in zip(jobs, models, states, strict=True):
        if model.family.export is not None and processes.first():
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, **model.family.export(state))
            write_bytes(each.workdir / f"{each.config.family}.npz", buffer.getvalue())
        step = int(state.step)
        done.append(model._replace(state=state, step=step, history=history(each, step)))
    return done


def _asides(
    job: Job, model: Model, saved: Checkpoints, about: dict[str, Any], together: int
) -> loop.Hooks:
    """What the training of a model does beside its steps; writes what is known before it."""
    params = model.state.params
    counts = {n: int(parameter_overview.count_parameters(net)) for n, net in params.items()}
    _write_overview(job, params)
    workdir.record_environment(
        job.workdir, saved.latest_step() or 0, workdir.command_line(), counts, together
    )
    asides = hooks.make(model, job.workdir)
    if not job.config.ledger_every:
        return asides
    return asides._replace(ledger=partial(Ledger, job.workdir, about=about))


def _check_together(job: Job, parts: Parts, count: int) -> None:
    """Raises UserError, before anything is written, for what does not go together."""
    resident.wanted(parts.train, job.config.data.resident)
    if jax.process_count() > 1 and (count > 1 or job.config.profile):
        key = "profile=True" if job.config.profile else f"num_seeds={count}"
        raise UserError(f"{key}: several processes train one run, untraced; leave it out")
    if count > 1 and job.config.keep_checkpoints < 2:
        raise UserError(
            f"keep_checkpoints={job.config.keep_checkpoints}: runs of several seeds go on from a "
            "step they share, which takes two"
        )
    if count > 1:
        fits.check(jax.eval_shape(parts.family.init, jax.random.key(0)), count)


def evaluate(job: Job) -> None:
    """Evaluates the newest intact checkpoint and writes the report."""
    model = restore(job)
    _check_evaluations(job.config, model.train, model.test, model.family)
    _evaluate(job, model)
    _report(job)


def write_report(job: Job) -> None:
    """Writes report.md and report.html from the workdir as it is."""
    _report(job)


def of_each_seed(mode: Callable[[Job], int | None]) -> Callable[[Job], int]:
    """A mode that does every seed of a job after the other; its exit code is the worst."""
    return lambda job: max(mode(each) or 0 for each in seeds(job))


MODES: dict[str, Callable[[Job], int | None]] = {
    "train": train,
    "evaluate": of_each_seed(evaluate),
    "sample": of_each_seed(sample),
    "report": of_each_seed(write_report),
    "compare": several.compare,
    "page": several.page,
    "archive": several.archive,
    "audit": of_each_seed(audit),
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
    fidelity_curve.check(config, test_split)
    ex_post.check(config, test_split)
    if family.sample is not None:
        cas.check(config, train_split)
        augmentation.check(config, train_split, test_split)


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
