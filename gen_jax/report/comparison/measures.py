"""The numbers of all models, in rows that hold nothing but numbers of one protocol.

A row is an evaluation, a quantity, its unit and everything that says how it was measured: the
split, the number of examples, the data, and the protocol that the evaluation wrote. Where two
values differ in any of it they are in different rows, and the rows say in what. What a protocol has
below `of`, {quantity: entries}, is of that quantity alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gen_jax.core.strict_json import as_float
from gen_jax.report import timing
from gen_jax.report.comparison import stability
from gen_jax.report.comparison.directions import direction
from gen_jax.report.comparison.estimates import Estimate, estimate
from gen_jax.report.comparison.models import Model, without_places
from gen_jax.report.tables import exact, flatten
from gen_jax.report.workdir import Run

# Not of how a number is measured: what made the run, and what came out of it.
_NOT_PROTOCOL = {
    *("seed", "config_digest", "commit", "git_commit", "git_dirty", "seconds", "wall"),
    *("ema_decay", "found", "fits", "dimensions", "boundary", "absent", "of"),
}
# What decides on the test images; the rest of the section `data` is of training, or of the machine.
_DATA = tuple(
    f"data.{key}"
    for key in ("name", "dir", "label", "image_size", "channels", "num_classes", "num_test", "keep")
)
# −log p(x | y) of a model that is told the label is not −log p(x).
_LIKELIHOODS = ("elbo", "elbo_same", "log_px", "nll", "bits_per_dim", "loss/total")


class Row(NamedTuple):
    """Numbers of one protocol.

    Attributes:
      evaluation: what measured them.
      quantity: their name.
      unit: as the evaluation gives it, "" for none.
      differing: what sets the row apart from others of the same quantity, "" for nothing.
      cells: estimates by the model's place.
    """

    evaluation: str
    quantity: str
    unit: str
    differing: str
    cells: Mapping[int, Estimate]


class Value(NamedTuple):
    """One number of one run; `entries` are its unit and protocol, as printed."""

    evaluation: str
    quantity: str
    entries: tuple[tuple[str, str], ...]
    number: float


def rows(models: Sequence[Model]) -> tuple[Row, ...]:
    """All numbers of all models, in the order in which evaluations and quantities appear."""
    groups: dict[str, dict[str, dict[tuple, dict[int, list[float]]]]] = {}
    for place, model in enumerate(models):
        for member in model.members:
            for value in values(member.run):
                quantities = groups.setdefault(value.evaluation, {})
                protocols = quantities.setdefault(value.quantity, {})
                cells = protocols.setdefault(value.entries, {})
                cells.setdefault(place, []).append(value.number)
    return tuple(
        Row(
            evaluation,
            quantity,
            dict(entries).get("unit", ""),
            differing,
            {place: estimate(found) for place, found in cells.items()},
        )
        for evaluation, quantities in groups.items()
        for quantity, protocols in quantities.items()
        for (entries, cells), differing in zip(
            protocols.items(), differences(list(protocols)), strict=True
        )
    )


def differences(protocols: Sequence[tuple[tuple[str, str], ...]]) -> list[str]:
    """What sets each protocol apart from the others, "num_examples 500, split test"."""
    known = [dict(entries) for entries in protocols]
    names = dict.fromkeys(name for entries in known for name in entries)
    apart = [
        name
        for name in names
        if name != "unit" and any(entries.get(name) != known[0].get(name) for entries in known)
    ]
    return [
        ", ".join(f"{name} {entries.get(name, 'not given')}" for name in apart) for entries in known
    ]


def winner(row: Row) -> int | None:
    """The place of the best model, if it is better than every other by more than both spreads.

    Its lead over each must exceed their two spreads added in quadrature. None where the direction
    is not known, a value is not finite, or any of the models has a single seed.
    """
    sense = direction(row.quantity)
    if sense is None or len(row.cells) < 2:
        return None
    means = {place: cell.mean for place, cell in row.cells.items()}
    spreads = {place: cell.spread for place, cell in row.cells.items() if cell.spread is not None}
    if len(spreads) < len(means) or not all(map(math.isfinite, means.values())):
        return None
    best = (min if sense == "lower" else max)(means, key=means.__getitem__)
    ahead = (
        abs(means[best] - means[other]) > math.hypot(spreads[best], spreads[other])
        for other in means.keys() - {best}
    )
    return best if all(ahead) else None


def values(run: Run) -> Iterator[Value]:
    """Every number that the evaluations of a run wrote, and its stability, size and cost."""
    for content in run.evals:
        found, units = mapping(content, "values"), mapping(content, "units")
        for quantity, value in flatten(found).items():
            if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                entries = protocol(run, content, quantity)
                entries["unit"] = str(units.get(quantity, ""))
                measured = math.nan if value is None else as_float(value)
                name = str(content["name"])
                yield Value(name, quantity, tuple(sorted(entries.items())), measured)
    index = stability.measure(run)
    own = {name: exact(entry) for name, entry in stability.protocol(run).items()}
    for quantity, value in index.items() if isinstance(index, dict) else ():
        entries = own | {"unit": stability.UNITS[quantity]}
        yield Value("stability", quantity, tuple(sorted(entries.items())), value)
    for quantity, unit, value, device in _costs(run):
        entries = {"unit": unit} | ({"device": device} if device else {})
        yield Value("compute", quantity, tuple(sorted(entries.items())), value)


def protocol(run: Run, content: Mapping[str, Any], quantity: str) -> dict[str, str]:
    """What a quantity of an evaluation was measured on and how, as printed."""
    given = {name: content.get(name) for name in ("split", "num_examples")}
    written = mapping(content, "protocol")
    given |= flatten(written) | flatten(mapping(mapping(written, "of"), quantity))
    entries = {
        name: exact(value)
        for name, value in given.items()
        if value is not None and name.partition(".")[0] not in _NOT_PROTOCOL
    }
    return entries | data_of(run, quantity)


def data_of(run: Run, quantity: str = "") -> dict[str, str]:
    """The data a run was tested on, by config key; and whether a likelihood is given the label."""
    config = without_places(flatten(run.settings))
    entries = {key: exact(config[key]) for key in _DATA if key in config}
    if quantity in _LIKELIHOODS and "conditional" in config:
        entries["given"] = "the label" if config["conditional"] else "nothing"
    return entries


def device(run: Run) -> str:
    """Kind and number of the devices, "" where environment.json does not say.

    And of how many seeds trained together, since each has the costs of all.
    """
    kind, count = (run.environment.get(name) for name in ("device_kind", "device_count"))
    together = run.environment.get("seeds_together", 1)
    shared = f", {together} seeds together" if together != 1 else ""
    return f"{count} × {kind}{shared}" if kind and count else ""


def _costs(run: Run) -> Iterator[tuple[str, str, float, str]]:
    """Quantity, unit, value, and the device where it matters."""
    steps, images = timing.last_step(run), timing.images_per_step(run)
    where = device(run) or "not known"
    if steps is not None:
        yield "training steps", "", steps, ""
    if steps is not None and images is not None:
        yield "images seen", "steps × images a step", steps * images, ""
    clock = timing.clock(run)
    if clock is not None:
        yield "wall time", "s, first to last record, without pauses", clock.busy, where
    rate = timing.images_per_second(run)
    if rate is not None:
        yield "images per second", "median of the records", rate, where
    parts = timing.parameters(run)
    if parts:
        yield "parameters", "all networks", sum(parts.values()), ""
    for kind, peak in timing.peaks(run).items():
        yield f"peak memory, {kind}", "GiB", peak, where


def mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of an evaluation's file, empty where it is none."""
    found = content.get(name)
    return found if isinstance(found, Mapping) else {}
