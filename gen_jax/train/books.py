"""What a training writes down as it goes, by the one process that does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
from clu.metrics import Average

from gen_jax.core import digest, parallel
from gen_jax.core.state import TrainState
from gen_jax.data.batches import Batch, Batches
from gen_jax.errors import UserError
from gen_jax.train import calls, memory, window
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.progress import Progress
from gen_jax.train.records import Records


class Ledger(Protocol):
    """What keeps evidence of the steps (`audit.ledger`)."""

    def advance(self, step_digest: str) -> None:
        """One more step, of the images and flips that have this digest."""

    def record(self, step: int, state: TrainState, entries: Mapping[str, Any]) -> None:
        """Adds a line about a step, soon; entries that are functions are called then."""

    def wait(self) -> None:
        """Blocks until every line is on the disk."""

    def close(self) -> None:
        """Waits for what was begun, then closes."""


class Hooks(NamedTuple):
    """What the launcher wants done as training goes; the loop knows nothing of evaluation.

    Attributes:
      sample: (state, step) every `config.sample_every` steps.
      evaluate: (state, step) -> scalars, every `config.eval_every` steps and after
        `config.eval_epochs`.
      diagnose: (state, step) -> scalars, whenever a line of metrics is written, which they join. It
        must be cheap.
      ledger: (start, state) -> the ledger of the steps from `start` on; None for none.
    """

    sample: Callable[[TrainState, int], None]
    evaluate: Callable[[TrainState, int], Mapping[str, float]]
    diagnose: Callable[[TrainState, int], Mapping[str, float]] = lambda state, step: {}
    ledger: Callable[[int, TrainState], Ledger] | None = None


class Due(NamedTuple):
    """What is to be done after a step.

    `log` is of a line of metrics, `whole` of one that would be there without a stop, too.
    """

    log: bool
    whole: bool
    witness: bool
    sample: bool
    evaluate: bool
    save: bool


def summary(steps: Sequence[Mapping[str, np.ndarray]]) -> dict[str, float]:
    """What a line of `metrics.jsonl` says of the metrics of some steps: means, peaks of norms."""
    means = {
        name: float(Average.from_model_output(np.stack([each[name] for each in steps])).compute())
        for name in steps[0]
    }
    # A norm that leaps for a step leaves no trace in a mean of fifty.
    return means | {
        f"{name}_max": float(max(np.max(each[name]) for each in steps))
        for name in steps[0]
        if name.startswith("grad/")
    }


class Books:
    """Records, pictures, evaluations, ledger and checkpoints of one training.

    Args:
      hooks, checkpoints, records, progress: where things go.
      ledger: likewise; None for none.
      batches: the whole global batches.
      epoch: steps of an epoch.
      before: metrics of the steps before the stop that training goes on from, since the last line.
    """

    def __init__(
        self,
        hooks: Hooks,
        checkpoints: Checkpoints,
        records: Records,
        progress: Progress,
        ledger: Ledger | None,
        batches: Batches,
        epoch: float,
        before: window.Steps,
    ) -> None:
        self._hooks, self._checkpoints, self._records = hooks, checkpoints, records
        self._progress, self._ledger, self._batches = progress, ledger, batches
        self._epoch, self._before = epoch, before
        # Metrics of calls not logged yet, on the devices.
        self._pending: list[dict[str, jax.Array]] = []

    def note(self, call: range, metrics: dict[str, jax.Array]) -> None:
        """These steps were given to the devices; metrics are `calls.of_steps`'s."""
        self._pending.append(metrics)
        if self._ledger is not None:
            for step in call:
                self._ledger.advance(self._batches.digest(step))

    def keep(
        self,
        state: TrainState,
        step: int,
        due: Due,
        batch: Callable[[], Batch],
        key_digest: Callable[[], str] | None,
    ) -> None:
        """Does what is due of the replicated state after a step, whose global batch is `batch()`.

        Raises:
          UserError: something is not finite, or cannot be written.
        """
        if due.witness and self._ledger is not None:
            self._witness(state, step, batch, key_digest)
        if due.log:
            self._log(state, step, due.whole)
        evaluated: dict[str, float] = {}
        self._progress.pause()
        if due.sample:
            self._hooks.sample(parallel.unreplicate(state), step)
        if due.evaluate or due.save:
            self._check_finite(state, step)
        if due.evaluate:
            evaluated = dict(self._hooks.evaluate(parallel.unreplicate(state), step))
            self._records.write(step, "eval", evaluated)
        if due.save:
            if self._ledger is not None:
                self._ledger.wait()  # of a step that can be resumed there is a line
            self._checkpoints.save(step, parallel.unreplicate(state), evaluated)
        self._progress.resume()

    def close(self) -> None:
        """Closes what was opened."""
        self._progress.close()
        self._records.close()
        if self._ledger is not None:
            self._ledger.close()

    def _witness(
        self,
        state: TrainState,
        step: int,
        batch: Callable[[], Batch],
        key_digest: Callable[[], str] | None,
    ) -> None:
        assert self._ledger is not None
        self._ledger.record(
            step,
            parallel.unreplicate(state),
            {
                "content": lambda: digest.digest(batch()),
                "keys": key_digest,
                "metrics": calls.of_steps(self._pending[-1])[-1],
            },
        )

    def _log(self, state: TrainState, step: int, whole: bool) -> None:
        fetched = jax.device_get(self._pending)
        self._pending.clear()
        steps = self._before + [each for call in fetched for each in calls.of_steps(call)]
        self._before = [] if whole else steps
        scalars = summary(steps)
        self._progress.pause()
        scalars |= self._hooks.diagnose(parallel.unreplicate(state), step)
        self._progress.resume()
        if bad := [name for name, value in scalars.items() if not np.isfinite(value)]:
            raise UserError(
                f"training diverged: {', '.join(bad)} not finite between the last log line and "
                f"step {step}; last checkpoint: step {self._checkpoints.latest_step()}"
            )
        rate = self._progress.report(step, scalars)
        extra = {"images_per_second": rate, "epoch": step / self._epoch}
        self._records.write(step, "train", scalars | extra | memory.peaks())
        if whole:
            window.forget(self._records.path.parent)
        else:
            window.write(self._records.path.parent, step, steps)

    def _check_finite(self, state: TrainState, step: int) -> None:
        """Losses describe the state before its last update; what is saved must be sound too."""
        for name, params in parallel.unreplicate(state.params).items():
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
                raise UserError(
                    f"training diverged: parameters of the {name} not finite at step {step}; "
                    f"last checkpoint: step {self._checkpoints.latest_step()}"
                )
