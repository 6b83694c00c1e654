"""A table of the evaluations made at chosen epochs of training."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from gen_jax.report.document import Table
from gen_jax.report.tables import number
from gen_jax.report.workdir import Record, Run

# Columns in reading order, as patterns; scalars that match none are not shown.
_COLUMNS = (
    "loss/total",
    "loss/reconstruction",
    "loss/kl",
    "loss/perceptual",
    "elbo",
    "bits_per_dim",
    "kl",
    "mse",
    "psnr",
    "probe_accuracy",
    "accuracy",
    "cross_entropy",
    "loss/generator",
    "loss/discriminator",
    "d_accuracy",
    "d_auc",
    "fid*",
    "fd_*",
)
_DRAWN = ("fid*", "fd_*")


def table(run: Run) -> list[Table]:
    """Evaluations at the epochs of `eval_epochs` and the last; nothing where there are none."""
    wanted, rate = run.settings.get("eval_epochs"), _epochs_per_step(run)
    if not isinstance(wanted, list) or not wanted or rate is None:
        return []
    chosen = {record.step: record for record in at(run).values()}
    last = [record for record in run.records if record.kind == "eval"][-1:]
    chosen |= {record.step: record for record in last}
    records = [chosen[step] for step in sorted(chosen)]
    names = dict.fromkeys(name for record in records for name in record.scalars)
    columns = shown(names)
    if not columns:
        return []
    rows = tuple(
        (
            number(round(record.step * rate, 2)),
            number(record.step),
            *(number(record.scalars[n]) if n in record.scalars else "" for n in columns),
        )
        for record in records
    )
    settings = run.settings.get("eval") or {}
    examples, drawn = (settings.get(key) for key in ("examples", "fidelity_during"))
    caption = f"On the first {examples:,} test images." if isinstance(examples, int) else ""
    if isinstance(drawn, int) and any(fnmatchcase(name, p) for name in columns for p in _DRAWN):
        caption += f" Frechet distances: {drawn:,} samples against training images."
    heads = ("epoch", "step", *columns)
    return [Table(heads, rows, caption, numeric=tuple(range(len(heads))))]


def at(run: Run) -> dict[float, Record]:
    """The evaluation of each epoch of `eval_epochs`, those that were made."""
    wanted, rate = run.settings.get("eval_epochs"), _epochs_per_step(run)
    if not isinstance(wanted, list) or rate is None:
        return {}
    evaluated = [record for record in run.records if record.kind == "eval"]
    found: dict[float, Record] = {}
    for epoch in wanted:
        # An epoch ends between two steps; the evaluation comes at one of them.
        near = [record for record in evaluated if abs(record.step * rate - epoch) <= 1.01 * rate]
        found |= {float(epoch): record for record in near[-1:]}
    return found


def shown(names: Iterable[str]) -> list[str]:
    """Those scalars that a table by epoch has, in reading order."""
    names = list(names)
    return [name for pattern in _COLUMNS for name in names if fnmatchcase(name, pattern)]


def _epochs_per_step(run: Run) -> float | None:
    steps, epochs = run.series("train", "epoch")
    return (
        float(epochs[-1] / steps[-1]) if steps.size and steps[-1] > 0 and epochs[-1] > 0 else None
    )
