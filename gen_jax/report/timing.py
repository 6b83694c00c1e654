"""What a run cost: time, images and parameters, from its records and environment."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gen_jax.report.document import Block, Fact, Missing, Table
from gen_jax.report.tables import duration, number
from gen_jax.report.workdir import Run


def facts(run: Run) -> list[Fact]:
    """Wall time, images and parameters for the summary, those that are known."""
    found = []
    clock = _clock(run)
    if clock is not None:
        note = f"without {_pauses(clock)}" if clock.pauses else "first to last record"
        found.append(Fact(duration(clock.elapsed - sum(clock.pauses)), "wall time", note))
    parameters = _parameters(run)
    if parameters:
        found.append(Fact(_compact(sum(parameters.values())), "parameters", "all networks"))
    return found


def compute(run: Run) -> list[Block]:
    """The compute section: a table of time and images, a table of parameters."""
    rows: list[tuple[str, ...]] = []
    blocks: list[Block] = []
    clock = _clock(run)
    if clock is None:
        blocks.append(Missing("No wall time: metrics.jsonl holds fewer than two timed records."))
    else:
        rows.append(("wall time, first to last record", duration(clock.elapsed)))
        if clock.pauses:
            rows.append((f"without {_pauses(clock)}", duration(clock.elapsed - sum(clock.pauses))))
    batch_size = run.settings.get("batch_size")
    steps = max((record.step for record in run.records if record.kind == "train"), default=None)
    if steps is not None:
        rows.append(("training steps", f"{steps:,}"))
        if isinstance(batch_size, int):
            draws = run.settings.get("n_critic", 1) if run.settings.get("family") == "gan" else 1
            draws = draws if isinstance(draws, int) else 1
            label = "images seen, steps × batch size" + (" × n_critic" if draws > 1 else "")
            rows.append((label, f"{steps * batch_size * draws:,}"))
    _, rates = run.series("train", "images_per_second")
    rates = rates[np.isfinite(rates)]
    if rates.size:
        rows.append(("images per second, median of the records", number(float(np.median(rates)))))
    if rows:
        blocks.append(Table(("compute", "value"), tuple(rows), numeric=(1,)))
    parameters = _parameters(run)
    if parameters:
        counts = [(name, f"{count:,}") for name, count in parameters.items()]
        if len(counts) > 1:
            counts.append(("all", f"{sum(parameters.values()):,}"))
        blocks.append(Table(("network", "parameters"), tuple(counts), numeric=(1,)))
    else:
        blocks.append(Missing("No parameter counts: environment.json does not list them."))
    return blocks


class _Clock(NamedTuple):
    """Seconds from the first record to the last, and those of them that are pauses."""

    elapsed: float
    pauses: tuple[float, ...]


def _clock(run: Run) -> _Clock | None:
    """Splits a run's time at its pauses; None with fewer than two timed records.

    Whether a process was stopped is written nowhere. A silence of over ten times the usual one
    between records is taken for a pause; the report says how many there were.
    """
    walls = np.sort([wall for _, wall in run.timeline if np.isfinite(wall)])
    if len(walls) < 2:
        return None
    gaps = np.diff(walls)
    pauses = gaps[gaps > 10 * np.median(gaps[gaps > 0])] if (gaps > 0).any() else gaps[:0]
    return _Clock(float(walls[-1] - walls[0]), tuple(pauses.tolist()))


def _pauses(clock: _Clock) -> str:
    plural = "s" if len(clock.pauses) > 1 else ""
    return f"{len(clock.pauses)} pause{plural} of {duration(sum(clock.pauses))}"


def _parameters(run: Run) -> dict[str, int]:
    listed = run.environment.get("parameters")
    if not isinstance(listed, Mapping):
        return {}
    return {str(name): count for name, count in listed.items() if isinstance(count, int)}


def _compact(count: int) -> str:
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{suffix}"
    return str(count)
