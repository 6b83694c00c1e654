"""Numbers and tables of a page, from the records of a study."""

import itertools
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gen_jax.errors import UserError, nearest
from gen_jax.report import epochs, markdown, timing
from gen_jax.report.comparison import measures, metrics, models
from gen_jax.report.comparison.estimates import estimate, printed
from gen_jax.report.comparison.models import Model
from gen_jax.report.comparison.runs import Member
from gen_jax.report.document import Table
from gen_jax.report.tables import duration, number

_UNKNOWN = "not recorded"
_LOG = "log/"
_COLUMNS = ("run", "command", "commit", "config", "seed", "device", "steps", "images seen", "time")


class Source:
    """Fills the markers of a page (`markers.Source`)."""

    def __init__(self, members: Sequence[Member]):
        self._members = members

    def value(self, runs: str, quantity: str) -> str:
        """Raises UserError unless the runs have the quantity, under one protocol."""
        model = self._model(runs, runs)
        if quantity.startswith(_LOG):
            logged = [_logged(member, quantity.removeprefix(_LOG)) for member in model.members]
            return printed(estimate(logged), len(logged))
        rows = _of(measures.rows([model]), quantity)
        if len(rows) != 1:
            found = f"{len(rows)} of different protocols" if rows else "none"
            raise UserError(f"<!-- value {runs} {quantity} -->: one number wanted, found {found}")
        return printed(rows[0].cells[0], len(model.members))

    def table(self, columns: Mapping[str, str], rows: Mapping[str, str]) -> str:
        """Raises UserError for runs that are not there; what a run does not have says why."""
        chosen = [self._model(glob, label) for label, glob in columns.items()]
        known = measures.rows(chosen)
        heads, shown = [], []
        for heading, quantity in rows.items():
            found = _of(known, quantity)
            evaluation, _, name = quantity.partition("/")
            empty = measures.Row(evaluation, name, "", "", {})
            shown += found or [empty]
            heads += [heading] * max(len(found), 1)
        return markdown.table(metrics.table(chosen, shown, known, heads)._replace(code=()))

    def epochs(self, run: str) -> str:
        """Raises UserError unless it is one run, evaluated at epochs of its `eval_epochs`."""
        found = self._named(run)
        if len(found) > 1:
            raise UserError(f"<!-- epochs {run} -->: one run wanted, found {len(found)}")
        tables = epochs.table(found[0].run)
        if not tables:
            raise UserError(f"<!-- epochs {run} -->: it was not evaluated at `eval_epochs`")
        return markdown.table(tables[0])

    def runs(self, globs: Sequence[str]) -> str:
        """Raises UserError for a glob that names no run."""
        chosen = [each for glob in globs for each in self._named(glob)] or list(self._members)
        rows = tuple(_made(member) for member in chosen)
        return markdown.table(Table(_COLUMNS, rows, numeric=(4, 6, 7, 8), code=(0, 1, 2, 3)))

    def _model(self, glob: str, label: str) -> Model:
        """The runs a glob names, as one model."""
        members = self._named(glob)
        found = models.group(members)
        if len(found) > 1:
            configs = [models.without_places(each.settings) for each in found]
            apart = ", ".join(models.differing(configs)) or "the step they stand at"
            raise UserError(f"{glob}: its runs differ in more than the seed: {apart}")
        return found[0]._replace(label=label)

    def _named(self, glob: str) -> list[Member]:
        found = [each for each in self._members if fnmatchcase(each.name, glob)]
        if not found:
            known = [each.name for each in self._members]
            raise UserError(f"no record of a run {glob!r}; {nearest(glob, known)}")
        return found


def _logged(member: Member, asked: str) -> float:
    """A scalar of the training's log, "NAME@STEP", or of its last line."""
    name, _, step = asked.partition("@")
    steps, values = member.run.series("train", name)
    chosen = values[steps == int(step)] if step.isdecimal() else values
    if not chosen.size or (step and not step.isdecimal()):
        raise UserError(f"the log of {member.name} has no {asked}")
    return float(chosen[-1])


def _of(rows: Sequence[measures.Row], quantity: str) -> list[measures.Row]:
    """The rows of "EVALUATION/QUANTITY", one a protocol."""
    return [row for row in rows if f"{row.evaluation}/{row.quantity}" == quantity]


def _made(member: Member) -> tuple[str, ...]:
    """How a run was made: a row of `_COLUMNS`."""
    run, environment = member.run, member.run.environment
    images, clock, step = timing.images_per_step(run), timing.clock(run), member.step
    processor = environment.get("processor")
    device = measures.device(run) or _UNKNOWN
    if processor and environment.get("platform") == "cpu":
        device += f" ({processor})"
    return (
        member.name,
        _command(environment.get("command")),
        _commits(environment),
        str(run.config.get("digest", _UNKNOWN))[:10],
        str(member.seed if member.seed is not None else _UNKNOWN),
        device,
        f"{step:,}" if step is not None else _UNKNOWN,
        number(step * images) if step is not None and images is not None else _UNKNOWN,
        duration(clock.busy) if clock is not None else _UNKNOWN,
    )


def _commits(environment: Mapping[str, Any]) -> str:
    """The commits of all processes that trained a run, with a + where there were changes."""
    resumed = environment.get("resumed")
    every = [environment, *(resumed if isinstance(resumed, list) else ())]
    found = [
        str(each["git_commit"])[:10] + "+" * bool(each.get("git_dirty"))
        for each in every
        if isinstance(each, Mapping) and each.get("git_commit")
    ]
    return ", ".join(dict.fromkeys(found)) or _UNKNOWN


def _command(text: object) -> str:
    """The arguments of run.py in a command, without the workdir, which is the run's name."""
    try:
        args = shlex.split(str(text or ""))
    except ValueError:
        return str(text)
    start = next((i for i, arg in enumerate(args) if arg.endswith("run.py")), None)
    if start is None:
        return str(text) if text else _UNKNOWN
    kept: list[str] = []
    for before, arg in itertools.pairwise(args[start:]):
        if not arg.startswith("--workdir") and before != "--workdir":
            kept.append(arg)
    return shlex.join(kept)
