"""Evaluations during training, at the epochs of `eval_epochs`, models side by side."""

from collections.abc import Sequence

from gen_jax.report import epochs
from gen_jax.report.comparison import absences, measures
from gen_jax.report.comparison.estimates import estimate, printed
from gen_jax.report.comparison.metrics import headings
from gen_jax.report.comparison.models import Model
from gen_jax.report.document import Block, Missing, Table
from gen_jax.report.tables import exact, flatten, number

Protocol = tuple[tuple[str, str], ...]
Cells = dict[float, dict[int, list[float]]]
"""Values over seeds, by epoch and by the model's place."""


def table(models: Sequence[Model]) -> list[Block]:
    """A row for each quantity, protocol and epoch."""
    found: dict[str, dict[Protocol, Cells]] = {}
    for place, model in enumerate(models):
        for member in model.members:
            for epoch, record in epochs.at(member.run).items():
                for name, value in record.scalars.items():
                    cells = found.setdefault(name, {}).setdefault(_protocol(model, name), {})
                    cells.setdefault(epoch, {}).setdefault(place, []).append(value)
    rows: list[tuple[str, ...]] = []
    notes, absent = [], []
    for name in epochs.shown(found):
        protocols = found[name]
        apart = measures.differences(list(protocols))
        for (entries, cells), differing in zip(protocols.items(), apart, strict=True):
            described = "; ".join(part for part in (dict(entries)["unit"], differing) if part)
            for epoch, values in sorted(cells.items()):
                line = [name if epoch == min(cells) else "", number(epoch)]
                for place, model in enumerate(models):
                    if place in values:
                        line.append(printed(estimate(values[place]), len(model.members)))
                        continue
                    absent.append((len(rows), len(line)))
                    line.append(_why(models, place, name, cells, protocols))
                rows.append(tuple(line))
                notes.append(described if epoch == min(cells) else "")
    if not rows:
        return [Missing("No evaluation at epochs: eval_epochs asks for none, or none was made.")]
    heads = ("", "epoch", *headings(models))
    return [
        Table(
            heads,
            tuple(rows),
            numeric=tuple(range(1, len(heads))),
            code=(0,),
            notes=tuple(notes),
            colours=("", "", *(model.colour for model in models)),
            absent=tuple(absent),
            pinned=True,
        )
    ]


def _protocol(model: Model, name: str) -> Protocol:
    """How evaluations during training measure a scalar: as the final one does, on fewer images."""
    run, examples = model.members[0].run, model.settings.get("eval.examples")
    entries = measures.data_of(run, name) | {"unit": ""}
    for member in model.members:
        for content in member.run.evals:
            if name in flatten(measures.mapping(content, "values")):
                units = measures.mapping(content, "units")
                entries = measures.protocol(run, content, name) | {"unit": str(units.get(name, ""))}
    return tuple(sorted((entries | {"num_examples": exact(examples)}).items()))


def _why(
    models: Sequence[Model], place: int, name: str, cells: Cells, protocols: dict[Protocol, Cells]
) -> str:
    model = models[place]
    here = any(place in values for values in cells.values())
    if here or not any(epochs.at(member.run) for member in model.members):
        return "not evaluated"
    if any(place in values for other in protocols.values() for values in other.values()):
        return "other protocol"
    members = (member for each in models for member in each.members)
    contents = (content for member in members for content in member.run.evals)
    measuring = (c["name"] for c in contents if name in flatten(measures.mapping(c, "values")))
    return absences.why(model, str(next(measuring, "")), name)
