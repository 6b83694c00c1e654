"""How Orbax is kept to what is wanted of it: which checkpoints stay, and what it may say."""

import dataclasses
import logging
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging as absl_logging


@dataclasses.dataclass
class NewestAndBest:
    """Orbax preservation policy: the newest steps, and the newest of those with the best score.

    Not `BestN`: one wrong byte in the metrics file it needs keeps the directory from opening, and
    a NaN ranks wherever sorting leaves it.
    """

    newest: int
    metric: str | None
    sign: int
    scores: dict[int, float] = dataclasses.field(default_factory=dict)

    def learn(self, record: Mapping[str, Any]) -> None:
        """Notes the score in a checkpoint's record, if it has one."""
        value = record["metrics"].get(self.metric, math.nan)
        if math.isfinite(value):
            self.scores[record["step"]] = self.sign * value

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Which of these checkpoints stay; Orbax asks."""
        steps = sorted(info.step for info in checkpoints)
        best = max(steps, key=lambda step: (self.scores.get(step, -math.inf), step))
        kept = {*steps[-self.newest :], best}
        return [info.step in kept for info in checkpoints]


def quieten() -> None:
    """Keeps Orbax's chatter off the screen, for the whole process; errors nobody raises stay."""
    for logger in (absl_logging.get_absl_logger(), logging.getLogger("asyncio")):
        logger.addFilter(_worth_showing)
    sys.unraisablehook = _show_unraisable


def _worth_showing(entry: logging.LogRecord) -> bool:
    # Neither Orbax's chatter nor, before the one line of ours, tracebacks of what it then raises.
    if entry.name == "asyncio":
        return "tensorstore_spec" not in entry.getMessage()
    raises = {"async_checkpointer", "checkpoint", "checkpoint_manager", "future"}
    return "/orbax/checkpoint/" not in entry.pathname.replace(os.sep, "/") or (
        entry.levelno >= logging.ERROR and not (entry.exc_info and entry.module in raises)
    )


def _show_unraisable(report: Any, show: Any = sys.unraisablehook) -> None:
    # What is left of the other reads when Orbax gives up on a damaged checkpoint at the first.
    if str(report.exc_value) != "Event loop is closed":
        show(report)
