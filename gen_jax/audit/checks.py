"""Checks of a workdir that need no training: is what lies there what the ledger says was made?"""

import itertools
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gen_jax.audit import circumstances, examples
from gen_jax.audit.findings import FAIL, PASS, REMARK, Finding, some
from gen_jax.audit.ledger import FILE, Chain, Line, leaves_of, shortened
from gen_jax.audit.replay import batches_of
from gen_jax.audit.tensors import readable, short
from gen_jax.core import digest
from gen_jax.data import content
from gen_jax.errors import UserError
from gen_jax.job import Job, Parts, checkpoints


def chain(found: Chain, saved: dict[str, Any]) -> Finding:
    """Is every line of the ledger as it was written, and is the run as long as it says?"""
    if found.fault:
        return Finding("ledger", FAIL, f"{FILE}: {found.fault}")
    steps = found.steps()
    text = f"{len(found.lines)} lines, steps {min(steps)} to {max(steps)}, head {found.head()[:12]}"
    details = {"lines": len(found.lines), "head": found.head(), "last_step": max(steps)}
    remarks = [f"nothing is known of steps {a} to {b}" for a, b in found.gaps()]
    if (asked := saved.get("num_steps")) is not None and asked > max(steps):
        remarks.append(f"{asked} steps were asked for")
    if remarks:
        return Finding("ledger", REMARK, "; ".join([text, *remarks]), details)
    return Finding("ledger", PASS, text, details)


def config(begun: list[Line], saved: dict[str, Any]) -> Finding:
    """Is `config.json` the config the run was made with?"""
    changes = circumstances.config_changes(begun[-1]["config"], saved)
    if changes:
        text = f"config.json is not what the run was made with: {circumstances.told(changes)}"
        return Finding("config", FAIL, text, {"changes": changes})
    for before, after in itertools.pairwise(begun):
        between = circumstances.config_changes(before["config"], after["config"])
        changes |= {key: f"{how} at step {after['step']}" for key, how in between.items()}
    if changes:
        text = f"changed on resuming, as recorded: {circumstances.told(changes)}"
        return Finding("config", REMARK, text, {"changes": changes})
    return Finding("config", PASS, "config.json is what the run was made with")


def data(job: Job, begun: list[Line], parts: Parts, last: int) -> Finding:
    """Are the images, their labels and frozen weights those the run was made with?

    If images changed, which, and at which of the steps up to the last they were seen first?
    """
    then, now = begun[-1]["data"], parts.described()
    changed = [key for key, value in then.items() if key in now and now[key] != value]
    known, named = examples.read(job.workdir), []
    for name, prints in parts.prints.items():
        if f"{name}_content" not in changed:
            continue
        before = known.get(name)
        if before is None or content.digest(before) != then[f"{name}_content"]:
            named.append(f"{name} examples changed ({examples.FILE} is damaged: which, is unknown)")
        elif len(before) != len(prints):
            named.append(f"there are {len(prints)} {name} examples instead of {len(before)}")
        else:
            which = np.flatnonzero(before != prints)
            seen = _first_step(job, parts, which, last) if name == "train" else ""
            named.append(f"{name} examples changed: {some(which)}{seen}")
    named += [f"{key} differs" for key in changed if not key.endswith("_content")]
    if named:
        return Finding("data", FAIL, "; ".join(named), {"changed": changed})
    if any(f"{name}_content" not in then for name in ("train", "test")) or not parts.prints:
        text = "decoded on demand: what images hold is checked only batch by batch, in the replay"
        return Finding("data", REMARK, text)
    counts = ", ".join(f"{len(each)} {name}" for name, each in parts.prints.items())
    return Finding("data", PASS, f"{counts} examples are those the run was made with")


def _first_step(job: Job, parts: Parts, which: np.ndarray, last: int) -> str:
    batches = batches_of(job, parts)
    for step in range(last):
        if np.isin(batches.indices(step)[0], which).any():
            return f" (first seen at step {step + 1})"
    return " (never seen)"


def code(begun: list[Line]) -> Finding:
    """Is the code what trained the run? If not, the replay says whether it matters."""
    now = circumstances.code()
    changes = circumstances.code_changes(begun[-1]["code"], now)
    if changes:
        text = f"gen_jax is not what trained the run: {circumstances.told(changes)}"
        return Finding("code", REMARK, text, {"changes": changes})
    if any(line["code"] != now for line in begun):
        first = next(line for line in begun if line["code"] != now)
        changes = circumstances.code_changes(first["code"], now)
        text = f"changed on resuming, as recorded: {circumstances.told(changes)}"
        return Finding("code", REMARK, text, {"changes": changes})
    return Finding("code", PASS, f"{len(now)} files are those that trained the run")


def environment(changes: Mapping[str, str]) -> Finding:
    """Are versions, devices and threads those of the run?"""
    if changes:
        text = f"not those of the run: {circumstances.told(changes)}"
        return Finding("environment", REMARK, text, {"changes": changes})
    return Finding("environment", PASS, "versions, devices and threads are those of the run")


def saved_steps(workdir: Path) -> list[int]:
    """The steps there are checkpoints of, ascending, damaged or not."""
    folder = workdir / "checkpoints"
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())


def saved(job: Job, parts: Parts, found: Chain, config: dict[str, Any]) -> Iterator[Finding]:
    """Is every checkpoint sound, and the state the ledger has for its step?"""
    unknown = found.gaps() + ([] if config.get("ledger_every", 1) else [(max(found.steps()), inf)])
    target = jax.eval_shape(parts.family.init, jax.random.key(0))
    steps, sound = found.steps(), []
    with checkpoints(job, parts.family, read_only=True) as there:
        for step in there.steps():
            try:
                state, _, _ = there.restore(target, step)
            except UserError as error:
                text = str(error).removeprefix(f"no intact checkpoint in {there.directory}: ")
                yield Finding("checkpoints", FAIL, text, {"step": step})
                continue
            if step not in steps:
                text = f"the ledger has no line for the checkpoint of step {step}"
                gap = any(first < step < last for first, last in unknown)
                yield Finding("checkpoints", REMARK if gap else FAIL, text, {"step": step})
                continue
            leaves = digest.leaf_digests(state)
            if digest.combine(leaves) != steps[step]["state"]:
                paths = short(leaves, leaves_of(steps[step]), shortened(leaves))
                which = some(map(readable, paths))
                text = f"checkpoint {step} is not the state of the ledger: {which}"
                yield Finding("checkpoints", FAIL, text, {"step": step, "arrays": paths})
                continue
            sound.append(step)
    if sound:
        text = f"steps {some(sound)}: every array is the one of the ledger"
        yield Finding("checkpoints", PASS, text, {"steps": sound})
