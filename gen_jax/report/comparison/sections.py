"""Composes a comparison: what was run, how the configs differ, what came out, and the verdicts."""

from collections.abc import Callable, Sequence
from typing import Any

from gen_jax.config import reads
from gen_jax.report import timing
from gen_jax.report.comparison import by_epoch, curves, measures, metrics, pictures
from gen_jax.report.comparison.models import Model, differing, without_seed
from gen_jax.report.comparison.runs import Member
from gen_jax.report.document import (
    Block,
    Document,
    Folded,
    Missing,
    Section,
    Table,
    Text,
    Verdict,
)
from gen_jax.report.sections import drawn
from gen_jax.report.tables import exact, flatten, number, settings_table

_SETTINGS = {"family": "family", "data": "data.name", "seed": "seed"}
_COLUMNS = (*("run", "model"), *_SETTINGS, *("step", "epochs", "commit", "config", "device"))
_NO_CONFIG, _NO_LOG = "config.json absent", "no training record"

Cell = tuple[str, bool]
"""A text, and whether it is what its column says rather than why that is not there."""


def compose(models: Sequence[Model]) -> Document:
    """The whole comparison as blocks."""
    rows = measures.rows(models)
    parts: list[tuple[str, Callable[[], Sequence[Block]]]] = [
        ("Trade-offs", lambda: metrics.trade_offs(models, rows)),
        ("Runs", lambda: _runs(models)),
        ("Methodology", lambda: [*_methodology(models), *_parameters(models)]),
        ("Results by epoch", lambda: by_epoch.table(models)),
        ("Final metrics", lambda: metrics.final(models, rows)),
        ("Training curves", lambda: curves.draw(models)),
        ("Samples", lambda: pictures.samples(models)),
        ("Reconstructions", lambda: pictures.reconstructions(models)),
        ("Latent interpolations", lambda: pictures.paths(models)),
        ("Training stability", lambda: metrics.steadiness(models, rows)),
        ("Compute", lambda: metrics.compute(models, rows)),
        ("Verdicts", tuple),
    ]
    verdicts = [
        Section(f"{member.name} ({model.label})", _verdicts(member), level=3)
        for model in models
        for member in model.members
    ]
    runs = sum(len(model.members) for model in models)
    names = [exact(model.settings.get("data.name", "not known")) for model in models]
    lede = [f"{len(models)} model{'s' if len(models) > 1 else ''}", f"{runs} runs"]
    lede.append(f"data {', '.join(dict.fromkeys(names))}")
    sections = [Section(title, drawn(title, draw)) for title, draw in parts]
    return Document("Comparison", tuple(lede), (*sections, *verdicts))


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], **look: Any) -> Table:
    cells = tuple(tuple(text for text, _ in row) for row in rows)
    absent = tuple(
        (index, column)
        for index, row in enumerate(rows)
        for column, (_, there) in enumerate(row)
        if not there
    )
    return Table(tuple(columns), cells, absent=absent, pinned=True, **look)


def _by_model(
    head: str, models: Sequence[Model], rows: Sequence[Sequence[Cell]], **look: Any
) -> Table:
    columns = (head, *(model.label for model in models))
    return _table(columns, rows, colours=("", *(model.colour for model in models)), **look)


def _runs(models: Sequence[Model]) -> list[Block]:
    """A row a run, and below it what was wrong with its files."""
    members = [(model, member) for model in models for member in model.members]
    rows = [_run(model, member) for model, member in members]
    notes = [f"{member.name}: {note}" for _, member in members for note in member.run.notes]
    return [_table(_COLUMNS, rows, numeric=(4, 5, 6), code=(0, 7, 8)), *map(Missing, notes)]


def _run(model: Model, member: Member) -> list[Cell]:
    config, environment = flatten(member.run.settings), member.run.environment
    _, epochs = member.run.series("train", "epoch")
    commit, dirty = environment.get("git_commit"), environment.get("git_dirty")
    digest, step = member.run.config.get("digest"), member.step
    device = measures.device(member.run)
    nowhere, unknown = "not from a git checkout", "not recorded"
    if not environment:
        nowhere = unknown = "environment.json absent"
    return [
        (member.name, True),
        (model.label, True),
        *(
            (exact(config[key]), True) if key in config else (_NO_CONFIG, False)
            for key in _SETTINGS.values()
        ),
        (f"{step:,}", True) if step is not None else (_NO_LOG, False),
        (number(float(epochs[-1])), True) if epochs.size else (_NO_LOG, False),
        (str(commit)[:10] + " + changes" * bool(dirty), True) if commit else (nowhere, False),
        (str(digest)[:10], True) if digest else (_NO_CONFIG, False),
        (device or unknown, bool(device)),
    ]


def _methodology(models: Sequence[Model]) -> list[Block]:
    """The config keys in which runs differ, a model a column, and those they share, folded.

    What a key is set to says nothing of a model whose family does not read it.
    """
    configs = [[without_seed(member) for member in model.members] for model in models]
    known = [config for seeds in configs for config in seeds if config]
    if not known:
        return [Missing("No configuration: no run holds a config.json that can be read.")]
    keys = differing(known)
    shared = {key: value for key, value in known[0].items() if key not in keys}
    folded = Folded(f"{len(shared)} keys they share", settings_table(shared))
    if not keys:
        return [Text("The configs differ in no key but the seed."), folded]

    def cell(seeds: Sequence[dict[str, Any]], key: str) -> Cell:
        if any(seeds) and not any(reads(str(config.get("family")), key) for config in seeds):
            return "not read", False
        # Seeds of one model differ in where files lie alone.
        found = dict.fromkeys(exact(config[key]) for config in seeds if key in config)
        if found:
            return "; ".join(found), True
        return ("not in its config" if any(seeds) else _NO_CONFIG), False

    rows = [[(key, True), *(cell(seeds, key) for seeds in configs)] for key in keys]
    return [_by_model("key", models, rows, code=tuple(range(len(models) + 1))), folded]


def _parameters(models: Sequence[Model]) -> list[Block]:
    """Parameters of each network, a model a column."""
    counts = [timing.parameters(model.members[0].run) for model in models]
    names = list(dict.fromkeys(name for count in counts for name in count))
    if not names:
        return [Missing("No parameter counts: no environment.json lists them.")]

    def cell(count: dict[str, int], name: str) -> Cell:
        if name in count:
            return f"{count[name]:,}", True
        return (f"no {name}" if count else "not in its environment.json"), False

    totals = [count | {"all": sum(count.values())} if count else {} for count in counts]
    rows = [[(name, True), *(cell(total, name) for total in totals)] for name in [*names, "all"]]
    return [_by_model("parameters", models, rows, numeric=tuple(range(1, len(models) + 1)))]


def _verdicts(member: Member) -> tuple[Block, ...]:
    if not member.run.evals:
        return (Missing("No verdict: this run has not been evaluated."),)
    found = tuple(
        Verdict(str(content["name"]), str(content["verdict"]))
        for content in member.run.evals
        if content.get("verdict")
    )
    return found or (Missing("No verdict: none of its evaluations wrote one."),)
