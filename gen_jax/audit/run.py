"""The audit of one run: its ledger, what lies in its workdir, a replay, its evaluations."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from gen_jax import config as configs
from gen_jax.audit import checks, circumstances, evaluations, ledger
from gen_jax.audit.findings import FAIL, PASS, REMARK, Finding, some
from gen_jax.audit.ledger import Chain, Line
from gen_jax.audit.replay import Replayed, Trainer, replay
from gen_jax.audit.tensors import Difference, differences, most, network, readable
from gen_jax.errors import UserError
from gen_jax.job import Job, Parts, checkpoints, load, newest
from gen_jax.train import divergence
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.workdir import read_config

ROUNDING = 1e-4
"""Relative difference of the losses that is called rounding, in the first steps of a replay."""
FIRST = 2
"""How many those are: later, training has amplified it a thousandfold."""
STREAMS = {
    "indices": "which images were seen",
    "content": "the pixels or labels of the batch",
    "keys": "the random keys",
}


def audit(job: Job) -> Iterator[Finding]:
    """Checks a workdir, from the cheapest check to the dearest, and says each as it is known.

    `--span=A:B` replays steps A to B instead of all; A is 0 or the step of a checkpoint.

    Raises:
      UserError: there is no ledger, or the span cannot be replayed.
    """
    found = ledger.read(job.workdir)
    if not found.lines:
        why = found.fault or "there is none; ledger_every=0, or trained before there were ledgers"
        raise UserError(f"{job.workdir / ledger.FILE}: {why}: nothing to audit")
    begun = [line for line in found.lines if line["kind"] == "begin"]
    yield checks.chain(found)
    yield checks.config(begun, (read_config(job.workdir) or {})["config"])
    span = _span(job, found)
    # What the ledger says was trained, wherever its data and weights are now.
    job = job._replace(config=_config(begun[-1], job))
    parts = load(job)
    yield checks.data(job, begun, parts, max(found.steps(), default=0))
    yield checks.code(begun)
    yield checks.environment(begun)
    yield from checks.saved(job, parts, found)
    yield from _replayed(job, parts, found, begun, span)
    try:
        model = newest(job, parts)
    except UserError as error:
        yield Finding("evals", FAIL, f"not evaluated: {error}")
        return
    elsewhere = bool(circumstances.environment_now(begun))
    yield from evaluations.check(model, job.workdir, elsewhere)


def _span(job: Job, found: Chain) -> tuple[int, int]:
    """The steps to replay, from the flag."""
    steps = found.steps()
    text = job.flags.span
    first, last = 0, max(steps, default=0)
    if text is not None:
        a, colon, b = text.partition(":")
        if not colon or not all(part.isdecimal() or not part for part in (a, b)):
            raise UserError(f"--span={text}: two steps, such as --span=0:{last}")
        first, last = int(a or 0), int(b or last)
    dumped = divergence.read(job.workdir)
    end = max(max(steps, default=0), dumped["step"] if dumped else 0)
    if found.fault:  # what comes after it is not known
        first, last = min(first, end), min(last, end)
    if not 0 <= first <= last <= end:
        raise UserError(f"--span={text}: the run went from step 0 to {end}")
    return first, last


def _config(begin: Line, job: Job) -> Any:
    """The config a begin line records, with what may change on resuming as the job has it."""
    config = configs.from_json(begin["config"], configs.base())
    for key, value in configs.dotted(job.config).items():
        if configs.may_change(key):
            section = config
            *path, name = key.split(".")
            for part in path:
                section = section[part]
            section[name] = value
    return config


def _replayed(
    job: Job, parts: Parts, found: Chain, begun: list[Line], span: tuple[int, int]
) -> Iterator[Finding]:
    """Trains the span again, under each config in turn where it was changed on resuming."""
    if span[0] == span[1]:
        yield Finding("replay", REMARK, "no steps were trained again")
        return
    elsewhere = circumstances.environment_now(begun)
    state: Any = None
    with checkpoints(job, parts.family, read_only=True) as saved:
        there = saved.steps()
        if span[0] and span[0] not in there:
            raise UserError(
                f"--span: no checkpoint of step {span[0]} to begin at; there are 0"
                + "".join(f", {step}" for step in there)
            )
        for start, stop, line in _segments(begun, span):
            now = job._replace(config=_config(line, job))
            trainer = Trainer(now, load(now) if now.config != job.config else parts)
            if state is None:
                state = trainer.initial()
                if start:
                    state, _, _ = saved.restore(state, start)
            keep = tuple(step for step in there if start < step <= stop)
            done = replay(trainer, state, (start, stop), found, keep, bool(elsewhere))
            finding = _judge(done, (start, stop), elsewhere, _measured(saved, done, keep), job)
            yield finding
            if finding.verdict == FAIL or done.diverged:
                return
            state = done.states[stop]


def _segments(begun: list[Line], span: tuple[int, int]) -> Iterator[tuple[int, int, Line]]:
    """(start, stop, begin line) of the stretches of a span that were trained under one config."""
    starts = [begun[0]]
    for line in begun[1:]:
        if circumstances.config_changes(starts[-1]["config"], line["config"]):
            starts.append(line)
    ends = [line["step"] for line in starts[1:]] + [span[1]]
    for line, end in zip(starts, ends, strict=True):
        start, stop = max(span[0], line["step"]), min(span[1], end)
        if start < stop:
            yield start, stop, line


def _measured(
    saved: Checkpoints, done: Replayed, keep: tuple[int, ...]
) -> dict[int, list[Difference]]:
    """By how much the replay's states differ from the checkpoints of the same steps."""
    found = {}
    for step in keep:
        if done.first is None or step < done.first.step or step not in done.states:
            continue
        with contextlib.suppress(UserError):  # a damaged one has been named
            theirs, _, _ = saved.restore(done.states[step], step)
            found[step] = differences(theirs, done.states[step])
    return found


def _judge(
    done: Replayed,
    span: tuple[int, int],
    elsewhere: Mapping[str, str],
    measured: Mapping[int, list[Difference]],
    job: Job,
) -> Finding:
    """What a replay says of a stretch of the run."""
    start, stop = span
    first = done.first
    details: dict[str, Any] = {
        "span": list(span),
        "lines": len(done.compared),
        "same": sum(each.same for each in done.compared),
    }
    if done.diverged is not None and first is None:
        step, bad = done.diverged
        dumped = divergence.read(job.workdir)
        known = dumped is not None and dumped["step"] == step
        text = f"not finite at step {step}: {some(bad)}" + (", as it was" if known else "")
        return Finding("replay", PASS if known else FAIL, text, details)
    if first is None:
        if not done.compared:
            return Finding("replay", REMARK, f"steps {start} to {stop}: no line in between")
        text = f"steps {start} to {stop} again: the same bits at {len(done.compared)} lines"
        return Finding("replay", PASS, text, details)
    before = max((each.step for each in done.compared if each.step < first.step), default=start)
    worst = max(done.compared, key=lambda each: each.loss)
    networks = sorted({network(path) for path in first.arrays} - {""})
    details |= {
        "first_difference": first.step,
        "last_agreement": before,
        "streams": list(first.streams),
        "networks": networks,
        "arrays": list(first.arrays),
        "loss_difference": {first.loss[1]: first.loss[0]},
        "measured": {
            str(step): [each._asdict() for each in every] for step, every in measured.items()
        },
    }
    by = f"losses by up to {first.loss[0]:.2g} of themselves ({first.loss[1] or 'none'})"
    amounts = "".join(
        f"; checkpoint {step}: {most(every).told()}" for step, every in measured.items() if every
    )
    early = [each for each in done.compared if each.step <= start + FIRST]
    streams = any(each.streams for each in done.compared)
    if elsewhere and early and not streams and all(each.loss[0] <= ROUNDING for each in early):
        near = max(each.loss[0] for each in early)
        text = (
            f"steps {start} to {stop} again, on other devices or versions: within rounding; the "
            f"same images and keys, losses of the first steps to {near:.2g} of themselves, at most "
            f"{worst.loss[0]:.2g} ({worst.loss[1]}, step {worst.step}) when training had "
            f"amplified it{amounts}"
        )
        return Finding("replay", REMARK, text, details)
    what = [f"{STREAMS[name]} differ" for name in first.streams]
    if first.arrays:
        what.append(
            f"{len(first.arrays)} arrays of {some(networks)} differ, the first "
            f"{readable(first.arrays[0])}"
        )
    text = (
        f"step {first.step} is the first line that differs, step {before} the last that agrees: "
        f"{', '.join(what)}; {by}{amounts}"
    )
    return Finding("replay", FAIL, text, details)
