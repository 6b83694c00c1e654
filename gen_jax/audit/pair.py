"""Two runs side by side: do they part, where, and why?"""

from collections.abc import Iterator

from gen_jax.audit import checks, circumstances, ledger
from gen_jax.audit.findings import FAIL, PASS, REMARK, Finding, some
from gen_jax.audit.ledger import Chain, Line, leaves_of
from gen_jax.audit.replay import Trainer
from gen_jax.audit.retrace import STREAMS, segments
from gen_jax.audit.tensors import differences, most, network, readable, short
from gen_jax.core.state import TrainState
from gen_jax.errors import UserError
from gen_jax.job import Job, Parts, checkpoints, load
from gen_jax.train import calls


def compare(one: Job, other: Job) -> Iterator[Finding]:
    """Says what two runs were made under, then where their ledgers part, then by how much.

    Where they part is between two lines; both are trained again from the last state they shared,
    side by side, to find the step, the network and the array.

    Raises:
      UserError: one of them has no ledger.
    """
    chains = [_chain(job) for job in (one, other)]
    for job, found in zip((one, other), chains, strict=True):
        if found.fault:
            yield Finding("ledger", FAIL, f"{job.workdir}: {found.fault}")
    yield from _circumstances(*(found.begun()[-1] for found in chains))
    last, first = _parting(*chains)
    if first is None:
        ends = [max(found.steps()) for found in chains]
        shared = len(chains[0].steps().keys() & chains[1].steps().keys())
        if not shared:
            yield Finding("ledgers", REMARK, "there is no step that both have a line of")
            return
        text = f"the same bits at all {shared} steps both have lines of (they end at {ends[0]} and"
        yield Finding("ledgers", PASS, f"{text} {ends[1]})")
        return
    yield _parted(chains, last, first)
    yield _side_by_side((one, other), chains, last, first)


def _chain(job: Job) -> Chain:
    found = ledger.read(job.workdir)
    if not found.steps():
        raise UserError(f"{job.workdir / ledger.FILE}: {found.fault or 'there is none'}")
    return found


def _circumstances(one: Line, other: Line) -> Iterator[Finding]:
    """What was not the same to begin with; none of it proves anything."""
    changes = {
        "config": circumstances.config_changes(one["config"], other["config"]),
        "data": circumstances.changes(one["data"], other["data"]),
        "code": circumstances.code_changes(one["code"], other["code"]),
        "environment": circumstances.environment_changes(one["environment"], other["environment"]),
    }
    for name, found in changes.items():
        text = circumstances.told(found) if found else "the same"
        yield Finding(name, REMARK if found else PASS, text, {"changes": found})


def _parting(one: Chain, other: Chain) -> tuple[int, int | None]:
    """(last step of the same state, or 0; first step of another, or None)."""
    ours, theirs = one.steps(), other.steps()
    last = 0
    for step in sorted(ours.keys() & theirs.keys()):
        if ours[step]["state"] != theirs[step]["state"]:
            return last, step
        last = step
    return last, None


def _parted(chains: list[Chain], last: int, first: int) -> Finding:
    lines = [found.steps()[first] for found in chains]
    paths = [found.lines[0]["leaves"] for found in chains]
    streams = [
        name for name in STREAMS if name in lines[0] and lines[0][name] != lines[1].get(name)
    ]
    what = [f"{STREAMS[name]} differ" for name in streams]
    if paths[0] == paths[1]:
        arrays = short(paths[0], *map(leaves_of, lines))
        networks = sorted({network(path) for path in arrays} - {""})
        what.append(f"{len(arrays)} of {len(paths[0])} arrays differ, of {some(networks)}")
    else:
        what.append("the models have other arrays")
    text = f"they part after step {last} and by step {first}: {'; '.join(what)}"
    return Finding("ledgers", FAIL, text, {"same": last, "differs": first, "streams": streams})


def _side_by_side(jobs: tuple[Job, Job], chains: list[Chain], last: int, first: int) -> Finding:
    """Trains both again from the latest state they are known to share, until they differ."""
    if chains[0].lines[0]["leaves"] != chains[1].lines[0]["leaves"]:
        return Finding("replay", REMARK, "not trained again: there is no array to compare")
    both = set(checks.saved_steps(jobs[0].workdir)) & set(checks.saved_steps(jobs[1].workdir))
    start = max([step for step in both if step <= last], default=0)
    stretches = [list(segments(found.begun(), (start, first))) for found in chains]
    if any(len(each) != 1 or each[0][0] != start for each in stretches):
        text = f"not trained again: from step {start} to {first} one of them changed its config"
        return Finding("replay", REMARK, text)
    pairs = zip(jobs, stretches, strict=True)
    jobs = tuple(  # type: ignore[assignment]
        job._replace(config=circumstances.recorded(each[0][2], job.config)) for job, each in pairs
    )
    parts = [load(job) for job in jobs]
    trainers = [Trainer(job, each) for job, each in zip(jobs, parts, strict=True)]
    states = [
        _state(job, each, trainer, start)
        for job, each, trainer in zip(jobs, parts, trainers, strict=True)
    ]
    if found := differences(*states):
        text = f"they begin with other values: {found[0].told()}, and {len(found) - 1} more arrays"
        return Finding("replay", FAIL, text, {"step": start})
    one_by_one = frozenset(range(start, first))
    walks = [
        trainer.run(state, start, first, one_by_one)
        for trainer, state in zip(trainers, states, strict=True)
    ]
    for ours, theirs in zip(*walks, strict=True):
        found = differences(ours.state(), theirs.state())
        if not found:
            continue
        step = ours.step
        same = [trainer.batches.digest(step - 1) for trainer in trainers]
        seen = [trainer.key_digest(step - 1)() for trainer in trainers]
        why = [
            f"{STREAMS[name]} differ there"
            for name, pair in (("indices", same), ("keys", seen))
            if pair[0] != pair[1]
        ]
        names = sorted({network(each.path) for each in found} - {""})
        text = (
            f"trained again here from step {start}, they part at step {step}, in {len(found)} "
            f"arrays of {some(names)}: first {readable(found[0].path)}, most {most(found).told()}"
            + "".join(f"; {each}" for each in why)
        )
        details = {"step": step, "arrays": [each._asdict() for each in found]}
        return Finding("replay", FAIL, text, details)
    several = any(calls.steps_per_call(job.config) > 1 for job in jobs)
    text = (
        f"trained again here from step {start} to {first}, step by step, they do not part: it was "
        "not config or data that parted them, but code, versions or devices"
        + (", or how many steps were given to those at once (steps_per_call)" if several else "")
    )
    return Finding("replay", REMARK, text)


def _state(job: Job, parts: Parts, trainer: Trainer, start: int) -> TrainState:
    """A run's state at a step: that of its checkpoint, or the first."""
    state = trainer.initial()
    if start:
        with checkpoints(job, parts.family, read_only=True) as saved:
            state, _, _ = saved.restore(state, start)
    return state
