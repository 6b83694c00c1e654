"""The replay of a span of a run, and what it says."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from gen_jax.audit import circumstances
from gen_jax.audit.findings import FAIL, PASS, REMARK, Finding, some
from gen_jax.audit.ledger import Chain, Line
from gen_jax.audit.replay import Compared, Replayed, Trainer, replay
from gen_jax.audit.tensors import Difference, differences, most, network, readable
from gen_jax.errors import UserError
from gen_jax.job import Job, Parts, checkpoints, load
from gen_jax.train import divergence, records
from gen_jax.train.books import summary
from gen_jax.train.checkpoints import Checkpoints

ROUNDING = 1e-4
"""Relative difference of the losses that is called rounding, in the first steps of a replay."""
FIRST = 2
"""How many those are: later, training has amplified it a thousandfold."""
STREAMS = {
    "indices": "which images were seen",
    "content": "the pixels or labels of the batch",
    "keys": "the random keys",
}


def check(
    job: Job, parts: Parts, found: Chain, span: tuple[int, int], elsewhere: Mapping[str, str]
) -> Iterator[Finding]:
    """Trains a span again, under each config in turn where it was changed on resuming.

    On other devices or versions than the run's (`elsewhere` says which) the first steps are held to
    rounding, from the start of the span and from every checkpoint in it.
    """
    if span[0] == span[1]:
        yield Finding("replay", REMARK, "no steps were trained again")
        return
    state: Any = None
    with checkpoints(job, parts.family, read_only=True) as saved:
        there = saved.steps()
        for start, stop, line in segments(found.begun(), span):
            now = job._replace(config=circumstances.recorded(line, job.config))
            trainer = Trainer(now, load(now) if now.config != job.config else parts)
            firm = state is None or start in there
            if state is None or (elsewhere and start in there):
                state = trainer.initial()
                if start:
                    state, _, _ = saved.restore(state, start)
            keep = tuple(step for step in there if start < step <= stop)
            done = replay(trainer, state, (start, stop), found, keep, bool(elsewhere))
            if elsewhere:
                yield _judge_elsewhere(done, (start, stop), found, job, firm)
                yield from _from_checkpoints(trainer, saved, found, (start, stop), keep)
                state = done.states.get(stop)
            else:
                finding = _judge(done, (start, stop), _measured(saved, done, keep), job)
                yield finding
                yield from _records(job, done, start)
                state = done.states.get(stop) if finding.verdict != FAIL else None
            if state is None or done.diverged:
                return


def segments(begun: list[Line], span: tuple[int, int]) -> Iterator[tuple[int, int, Line]]:
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


def _from_checkpoints(
    trainer: Trainer, saved: Checkpoints, found: Chain, span: tuple[int, int], keep: tuple[int, ...]
) -> Iterator[Finding]:
    """The first steps from each checkpoint: what binds it to the lines that come after it."""
    tried = []
    for step in keep:
        stop = min(step + FIRST, span[1])
        if step == stop:
            continue
        try:
            state, _, _ = saved.restore(trainer.initial(), step)
        except UserError:
            continue  # it has been named
        done = replay(trainer, state, (step, stop), found, (), True)
        if bad := [each for each in done.compared if each.streams or each.loss[0] > ROUNDING]:
            text = f"from checkpoint {step}: {_told(bad[0])} at step {bad[0].step}"
            yield Finding("replay", FAIL, text, {"step": step})
        elif done.compared:
            tried.append(step)
    if tried:
        text = f"two steps from checkpoints {some(tried)}: within rounding"
        yield Finding("replay", REMARK, text, {"steps": tried})


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


def _diverged(done: Replayed, job: Job) -> Finding | None:
    """What is to say of a replay that became infinite."""
    if done.diverged is None:
        return None
    step, bad = done.diverged
    dumped = divergence.read(job.workdir)
    known = dumped is not None and dumped["step"] == step
    text = f"not finite at step {step}: {some(bad)}" + (", as it was" if known else "")
    return Finding("replay", PASS if known else FAIL, text, {"step": step})


def _told(first: Compared) -> str:
    """What differs at a step."""
    networks = sorted({network(path) for path in first.arrays} - {""})
    what = [f"{STREAMS[name]} differ" for name in first.streams]
    if first.arrays:
        what.append(
            f"{len(first.arrays)} arrays of {some(networks)} differ, the first "
            f"{readable(first.arrays[0])}"
        )
    elif not first.state:
        what.append("the digest of the state differs, and that of no array")
    what.append(f"losses by up to {first.loss[0]:.2g} of themselves ({first.loss[1] or 'none'})")
    return ", ".join(what)


def _details(done: Replayed, span: tuple[int, int]) -> dict[str, Any]:
    first = done.first
    details: dict[str, Any] = {
        "span": list(span),
        "lines": len(done.compared),
        "same": sum(each.same for each in done.compared),
    }
    if first is None:
        return details
    return details | {
        "first_difference": first.step,
        "streams": list(first.streams),
        "networks": sorted({network(path) for path in first.arrays} - {""}),
        "arrays": list(first.arrays),
        "loss_difference": {first.loss[1]: first.loss[0]},
    }


def _judge(
    done: Replayed, span: tuple[int, int], measured: Mapping[int, list[Difference]], job: Job
) -> Finding:
    """What a replay says of a stretch of the run, where the bits must be the same."""
    (start, stop), first = span, done.first
    details = _details(done, span)
    if first is None:
        if ended := _diverged(done, job):
            return ended
        if not done.compared:
            return Finding("replay", REMARK, f"steps {start} to {stop}: no line in between")
        text = f"steps {start} to {stop} again: the same bits at {len(done.compared)} lines"
        return Finding("replay", PASS, text, details)
    before = max((each.step for each in done.compared if each.step < first.step), default=start)
    details |= {
        "last_agreement": before,
        "measured": {
            str(step): [each._asdict() for each in every] for step, every in measured.items()
        },
    }
    amounts = "".join(
        f"; checkpoint {step}: {most(every).told()}" for step, every in measured.items() if every
    )
    text = (
        f"step {first.step} is the first line that differs, step {before} the last that agrees: "
        f"{_told(first)}{amounts}"
    )
    return Finding("replay", FAIL, text, details)


def _judge_elsewhere(
    done: Replayed, span: tuple[int, int], found: Chain, job: Job, firm: bool
) -> Finding:
    """Likewise, where rounding may be another; `firm` says that it began at the run's own state."""
    (start, stop), details = span, _details(done, span)
    if ended := _diverged(done, job):
        return ended
    if bad := [each for each in done.compared if each.streams]:
        return Finding("replay", FAIL, f"step {bad[0].step}: {_told(bad[0])}", details)
    again = f"steps {start} to {stop} again, on other devices or versions"
    early = [each for each in done.compared if each.step <= start + FIRST] if firm else []
    if bad := [each for each in early if each.loss[0] > ROUNDING]:
        text = f"{again}: beyond rounding at step {bad[0].step}: {_told(bad[0])}"
        return Finding("replay", FAIL, text, details)
    same = f"{again}: the same images and keys at {len(done.compared)} lines"
    if not early:
        return Finding("replay", REMARK, f"{same}; losses cannot be held to rounding", details)
    near = max(each.loss[0] for each in early)
    worst = max(done.compared, key=lambda each: each.loss)
    text = (
        f"{same}, within rounding: losses of the first steps to {near:.2g} of themselves, at most "
        f"{worst.loss[0]:.2g} ({worst.loss[1]}, step {worst.step}) when training had amplified it"
    )
    return Finding("replay", REMARK, text, details)


def _records(job: Job, done: Replayed, start: int) -> Iterator[Finding]:
    """Does `metrics.jsonl` say of the steps what training again says?"""
    train = [each for each in records.read(job.workdir) if each["kind"] == "train"]
    before, lines = 0, 0
    for record in train:
        window = range(before + 1, record["step"] + 1)
        before = record["step"]
        if not len(window) or any(step not in done.metrics for step in window):
            continue
        steps = [
            {name: value for name, value in done.metrics[step].items() if name != divergence.FINITE}
            for step in window
        ]
        again = summary(steps)
        for name, value in again.items():
            if name in record and record[name] != value:
                text = (
                    f"metrics.jsonl, step {record['step']}: {name} {record[name]!r}, trained again "
                    f"{value!r}"
                )
                yield Finding("metrics", FAIL, text, {"step": record["step"], "name": name})
                return
        lines += 1
    if lines:
        text = f"{lines} lines of metrics.jsonl say what training again says"
        yield Finding("metrics", PASS, text, {"lines": lines})
