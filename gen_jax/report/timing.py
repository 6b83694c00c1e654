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
    time = clock(run)
    if time is not None:
        note = f"without {_pauses(time)}" if time.pauses else "first to last record"
        found.append(Fact(duration(time.busy), "wall time", note))
    counts = parameters(run)
    if counts:
        found.append(Fact(_compact(sum(counts.values())), "parameters", "all networks"))
    return found


def compute(run: Run) -> list[Block]:
    """The compute section: a table of time and images, a table of parameters."""
    rows: list[tuple[str, ...]] = []
    blocks: list[Block] = []
    time = clock(run)
    if time is None:
        blocks.append(Missing("No wall time: metrics.jsonl holds fewer than two timed records."))
    else:
        rows.append(("wall time, first to last record", duration(time.elapsed)))
        if time.pauses:
            rows.append((f"without {_pauses(time)}", duration(time.busy)))
    steps, images = last_step(run), images_per_step(run)
    if steps is not None:
        rows.append(("training steps", f"{steps:,}"))
        if images is not None:
            label = "images seen, steps × batch size"
            if (draws := _draws(run)) > 1:
                label += " × n_critic" if run.settings.get("family") == "gan" else f" × {draws}"
            rows.append((label, f"{steps * images:,}"))
    rate = images_per_second(run)
    if rate is not None:
        rows.append(("images per second, median of the records", number(rate)))
    rows += [(f"peak memory, {kind}, GiB", number(peak)) for kind, peak in peaks(run).items()]
    if rows:
        blocks.append(Table(("compute", "value"), tuple(rows), numeric=(1,)))
    counts = parameters(run)
    if counts:
        listed = [(name, f"{count:,}") for name, count in counts.items()]
        if len(listed) > 1:
            listed.append(("all", f"{sum(counts.values()):,}"))
        blocks.append(Table(("network", "parameters"), tuple(listed), numeric=(1,)))
    else:
        blocks.append(Missing("No parameter counts: environment.json does not list them."))
    return blocks


def last_step(run: Run) -> int | None:
    """The step of the last training record."""
    return max((record.step for record in run.records if record.kind == "train"), default=None)


def images_per_step(run: Run) -> int | None:
    """Images a step sees, of all its draws; None where the config does not say."""
    batch_size = run.settings.get("batch_size")
    return batch_size * _draws(run) if isinstance(batch_size, int) else None


def _draws(run: Run) -> int:
    """Batches a step consumes, as `Family.draws` has it."""
    family, loss = run.settings.get("family"), run.settings.get("loss")
    if family == "vae" and isinstance(loss, Mapping) and loss.get("objective") == "factor":
        return 2
    draws = run.settings.get("n_critic", 1) if family == "gan" else 1
    return draws if isinstance(draws, int) else 1


def images_per_second(run: Run) -> float | None:
    """Median of the training records, of time spent in steps alone."""
    _, rates = run.series("train", "images_per_second")
    rates = rates[np.isfinite(rates)]
    return float(np.median(rates)) if rates.size else None


def peaks(run: Run) -> dict[str, float]:
    """The most memory held, in GiB: of the "host" process and of the fullest "device"."""
    found = {}
    for kind in ("host", "device"):
        _, values = run.series("train", f"memory/{kind}")
        values = values[np.isfinite(values)]
        if values.size:
            found[kind] = float(values.max())
    return found


class Clock(NamedTuple):
    """Seconds from the first record to the last, and those of them that are pauses."""

    elapsed: float
    pauses: tuple[float, ...]

    @property
    def busy(self) -> float:
        """Seconds without the pauses."""
        return self.elapsed - sum(self.pauses)


def clock(run: Run) -> Clock | None:
    """Splits a run's time at its pauses; None with fewer than two timed records.

    Whether a process was stopped is written nowhere. A silence of over ten times the usual one
    between records is taken for a pause; the report says how many there were.
    """
    walls = np.sort([wall for _, wall in run.timeline if np.isfinite(wall)])
    if len(walls) < 2:
        return None
    gaps = np.diff(walls)
    pauses = gaps[gaps > 10 * np.median(gaps[gaps > 0])] if (gaps > 0).any() else gaps[:0]
    return Clock(float(walls[-1] - walls[0]), tuple(pauses.tolist()))


def _pauses(time: Clock) -> str:
    plural = "s" if len(time.pauses) > 1 else ""
    return f"{len(time.pauses)} pause{plural} of {duration(sum(time.pauses))}"


def parameters(run: Run) -> dict[str, int]:
    """Parameters of each network; none where environment.json does not list them."""
    listed = run.environment.get("parameters")
    if not isinstance(listed, Mapping):
        return {}
    return {str(name): count for name, count in listed.items() if isinstance(count, int)}


def _compact(count: int) -> str:
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{suffix}"
    return str(count)
