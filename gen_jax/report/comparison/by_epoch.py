"""Evaluations during training, at the epochs of `eval_epochs`, models side by side."""

from collections.abc import Sequence

from gen_jax.report import epochs
from gen_jax.report.comparison import absences, measures
from gen_jax.report.comparison.estimates import estimate, printed
from gen_jax.report.comparison.metrics import headings
from gen_jax.report.comparison.models import Model
from gen_jax.report.comparison.runs import Member
from gen_jax.report.document import Block, Missing, Table
from gen_jax.report.tables import exact, flatten, number
from gen_jax.report.workdir import Run

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
                    protocol = _protocol(model, member, name)
                    cells = found.setdefault(name, {}).setdefault(protocol, {})
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


def _protocol(model: Model, member: Member, name: str) -> Protocol:
    """How a run measures a scalar during training: as its final evaluation does, on fewer images.

    A seed without a final one counts as the model's others, if these have one protocol.
    """
    entries = _finally(member.run, name)
    if not entries:
        others = [found for each in model.members if (found := _finally(each.run, name))]
        alike = bool(others) and all(found == others[0] for found in others)
        entries = others[0] if alike else measures.data_of(member.run, name) | {"unit": ""}
    of_samples = name.startswith(("fid", "fd_"))
    key = "eval.fidelity_during" if of_samples else "eval.examples"
    count = {"num_examples": exact(model.settings.get(key))}
    count |= {"num_fake": count["num_examples"]} if of_samples else {}
    return tuple(sorted((entries | count).items()))


def _finally(run: Run, name: str) -> dict[str, str]:
    """Unit and protocol of a quantity in a run's final evaluation, empty where that has none."""
    entries: dict[str, str] = {}
    for content in run.evals:
        if name in flatten(measures.mapping(content, "values")):
            unit = str(measures.mapping(content, "units").get(name, ""))
            entries = measures.protocol(run, content, name) | {"unit": unit}
    return entries


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
