"""Tables of numbers, models side by side: the trade-offs, all final metrics, what they cost."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from gen_jax.report.comparison import absences, stability
from gen_jax.report.comparison.directions import direction
from gen_jax.report.comparison.estimates import printed
from gen_jax.report.comparison.measures import Row, winner
from gen_jax.report.comparison.models import Model
from gen_jax.report.document import Block, Folded, Missing, Table, Text
from gen_jax.report.sections import HEADLINES, rank

OF_THE_LOG = ("stability", "compute")
"""What this report measures itself; all else was written by evaluations."""

_FEATURES = ("inception", "fd_classifier")
"""Evaluations of samples in the features of a network."""

# What is traded off, and the numbers (or patterns of "EVALUATION/QUANTITY") that show it.
_ASPECTS = (
    ("sample sharpness", ("samples/sharpness_samples",)),
    ("training stability", ("stability/stability",)),
    ("latent structure", ("probe/probe_accuracy", "disentanglement/mig")),
    (
        "diversity",
        (
            "samples/variance",
            *(f"{features}/{name}*" for name in ("recall", "coverage") for features in _FEATURES),
            "dynamics/coverage",
            "dynamics/diversity",
        ),
    ),
    ("FID", ("inception/fid",)),
    ("FD of other features", ("fd_classifier/fd_classifier", "inception/fid_[0-9]*")),
)
_ARROWS: dict[str | None, str] = {"lower": " ↓", "higher": " ↑"}
_BOLD = (
    "Bold: the best of its row, where its lead over each of the others exceeds both spreads in"
    " quadrature."
)
_INDEX = (
    "Training stability is (1 − s) / (1 + f) of the least steady of a model's losses. r is a"
    f" record's distance from the running median of {stability.WINDOW} records, over the last half"
    " of training; f is the root mean square of r over the loss's mean size; s is the share of"
    f" records with |r| beyond {stability.SPIKE:g} × √(π / 2) × its mean and beyond"
    f" {stability.LEAST:.0%} of the loss's mean size."
)


def headings(models: Sequence[Model]) -> list[str]:
    """Labels with the number of seeds."""
    counts = [len(model.members) for model in models]
    return [
        f"{model.label} · {count} seed{'s' if count > 1 else ''}"
        for model, count in zip(models, counts, strict=True)
    ]


def trade_offs(models: Sequence[Model], rows: tuple[Row, ...]) -> list[Block]:
    """What a model is chosen by, a line or more each, and how its stability is measured."""
    chosen: list[tuple[str, Row]] = []
    for aspect, patterns in _ASPECTS:
        fitting = [row for each in patterns for row in rows if fnmatchcase(_path(row), each)]
        evaluation, _, quantity = patterns[0].partition("/")
        empty = Row(evaluation, quantity, "", "", {})
        chosen += [(aspect, row) for row in fitting or [empty]]
    shown = [row for _, row in chosen]
    found = table(models, shown, rows, [aspect for aspect, _ in chosen], name=True)
    return [*_seeds(models, rows), found._replace(code=()), Text(_INDEX)]


def final(models: Sequence[Model], rows: tuple[Row, ...]) -> list[Block]:
    """The key numbers of all evaluations in one table, and all numbers of each, folded."""
    measured = [row for row in rows if row.evaluation not in OF_THE_LOG]
    if not measured:
        return [Missing("No run has been evaluated yet: run --mode=evaluate in each workdir.")]
    key = [row for row in measured if rank(row.quantity) < len(HEADLINES)]
    key.sort(key=lambda row: rank(row.quantity))
    blocks: list[Block] = []
    if key:
        blocks.append(table(models, key, rows, [row.quantity for row in key], evaluation=True))
    for evaluation in dict.fromkeys(row.evaluation for row in measured):
        own = [row for row in measured if row.evaluation == evaluation]
        found = table(models, own, rows, [row.quantity for row in own])
        blocks.append(Folded(f"All of {evaluation}: {len(own)} rows", found))
    return blocks


def steadiness(models: Sequence[Model], rows: tuple[Row, ...]) -> list[Block]:
    """The stability index and what it is made of."""
    return _own(models, rows, "stability", "No run holds enough records of its losses.")


def compute(models: Sequence[Model], rows: tuple[Row, ...]) -> list[Block]:
    """Images, time, parameters and memory."""
    return _own(models, rows, "compute", "No run holds a training record.")


def _path(row: Row) -> str:
    return f"{row.evaluation}/{row.quantity}"


def _own(
    models: Sequence[Model], rows: tuple[Row, ...], evaluation: str, nothing: str
) -> list[Block]:
    own = [row for row in rows if row.evaluation == evaluation]
    if not own:
        return [Missing(nothing)]
    found = table(models, own, rows, [row.quantity for row in own])
    return [found._replace(code=())]


def _seeds(models: Sequence[Model], rows: Sequence[Row]) -> list[Block]:
    """What ± and bold mean, as far as there is any, and which models have no spread."""
    several = [model for model in models if len(model.members) > 1]
    single = [model.label for model in models if len(model.members) == 1]
    said = ["± is the sample standard deviation over seeds."] if several else []
    said += ["↓ lower is better, ↑ higher is better."] if any(map(_known, rows)) else []
    said += [_BOLD] if any(winner(row) is not None for row in rows) else []
    blocks: list[Block] = [Text(" ".join(said))] if said else []
    if single:
        names = "every model" if not several else ", ".join(single)
        blocks.append(
            Missing(f"One seed only: {names}. No spread, hence no winner where they have a number.")
        )
    return blocks


def _known(row: Row) -> bool:
    return direction(row.quantity) is not None


def table(
    models: Sequence[Model],
    shown: Sequence[Row],
    rows: tuple[Row, ...],
    heads: Sequence[str],
    name: bool = False,
    evaluation: bool = False,
) -> Table:
    """Rows as a table; under each head its unit and protocol, after its name or evaluation."""
    cells, strong, absent = [], [], []
    for index, row in enumerate(shown):
        line = [heads[index] + _ARROWS.get(direction(row.quantity), "")]
        for place, model in enumerate(models):
            if place in row.cells:
                line.append(printed(row.cells[place], len(model.members)))
            else:
                line.append(absences.reason(model, row, place, rows))
                absent.append((index, place + 1))
        best = winner(row)
        strong += [(index, best + 1)] if best is not None else []
        cells.append(tuple(line))
    notes = (
        [row.evaluation] * evaluation + [row.quantity] * name + [row.unit, row.differing]
        for row in shown
    )
    return Table(
        ("", *headings(models)),
        tuple(cells),
        numeric=tuple(range(1, len(models) + 1)),
        code=(0,),
        notes=tuple("; ".join(part for part in parts if part) for parts in notes),
        colours=("", *(model.colour for model in models)),
        strong=tuple(strong),
        absent=tuple(absent),
        pinned=True,
    )
