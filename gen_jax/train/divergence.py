"""A loss or a gradient that is not finite ends the run at its step, and leaves what led there."""

import collections
from pathlib import Path
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from gen_jax.core import digest, strict_json
from gen_jax.data.batches import Batches
from gen_jax.errors import UserError
from gen_jax.train import calls
from gen_jax.train.workdir import write_json

FILE = Path("audit") / "divergence.json"
LAG = 2
"""Calls a flag may be late: by then it has been computed, and nobody waits for it."""
FINITE = "finite"
"""The name, among a step's metrics, of whether the others are finite."""


def flag(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics of a step with `FINITE` added: whether all of them are."""
    return metrics | {FINITE: jnp.isfinite(jnp.stack(list(metrics.values()))).all()}


def read(workdir: Path) -> dict[str, Any] | None:
    """The dump of a run that diverged; None where there is none, or none that can be read."""
    try:
        content = strict_json.read(workdir / FILE)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("step"), int) else None


class Watch:
    """Looks at every step's flag, `LAG` calls late, so that devices never wait for the host.

    Args:
      workdir: where the dump goes; None for a process that writes none.
      batches: of this run.
      checkpoint: () -> step of the newest checkpoint, or None.
    """

    def __init__(self, workdir: Path | None, batches: Batches, checkpoint: Any) -> None:
        self._workdir, self._batches, self._checkpoint = workdir, batches, checkpoint
        self._waiting: collections.deque[tuple[range, Any, dict[str, Any]]] = collections.deque()

    def see(self, call: range, metrics: dict[str, Any]) -> dict[str, Any]:
        """Takes note of the metrics of these steps (`calls.of_steps`); returns the others."""
        others = {name: value for name, value in metrics.items() if name != FINITE}
        self._waiting.append((call, metrics[FINITE], others))
        if len(self._waiting) > LAG:
            self._look()
        return others

    def settle(self) -> None:
        """Looks at every step so far; UserError if one diverged."""
        while self._waiting:
            self._look()

    def _look(self) -> None:
        call, finite, metrics = self._waiting.popleft()
        if not np.all(jax.device_get(finite)):
            first = int(np.argmin(np.atleast_1d(finite[0])))
            values = calls.of_steps(jax.device_get(metrics))[first]
            self._stop(call[first] + 1, {name: float(value) for name, value in values.items()})

    def _stop(self, step: int, metrics: dict[str, float]) -> NoReturn:
        bad = [name for name, value in metrics.items() if not np.isfinite(value)]
        if self._workdir is None:
            raise UserError(f"training diverged: {', '.join(bad)} not finite at step {step}")
        indices, flips = self._batches.indices(step - 1)
        newest = self._checkpoint()
        replay = f"python run.py --workdir={self._workdir} --mode=audit --span={newest or 0}:{step}"
        write_json(
            self._workdir / FILE,
            {
                "step": step,
                "not_finite": bad,
                # JSON has no NaN.
                "metrics": {name: str(value) for name, value in metrics.items()},
                "seed": self._batches.seed,
                "indices": indices.tolist(),
                "flips": flips.astype(int).tolist(),
                "batch": digest.digest(self._batches.batch(step - 1)),
                "last_checkpoint": newest,
                "replay": replay,
            },
        )
        raise UserError(
            f"training diverged: {', '.join(bad)} not finite at step {step}; last checkpoint: "
            f"step {newest}; {FILE} has the batch, the gradients' norms and more; replay: {replay}"
        )
