"""Training again, beside the ledger: do the same steps give the same bits?"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from gen_jax.audit.ledger import Chain, Line, chained, leaves_of, shortened
from gen_jax.audit.tensors import short
from gen_jax.core import digest, keys, parallel
from gen_jax.core.state import TrainState
from gen_jax.data.batches import Batch, Batches
from gen_jax.job import Job, Parts
from gen_jax.train import calls, divergence, steps
from gen_jax.train.progress import Progress

SMALL = 1e-2
"""Below it a metric's difference is relative to this: a mean of logits may be next to nothing."""


class Step(NamedTuple):
    """The run after a step, as this process computes it.

    Attributes:
      step: steps done.
      state: () -> the state, on one device; to be called before the next step, of the last step of
        a call alone.
      batch: of the last step, on the host.
      metrics: of the last step, with `divergence.FINITE`.
    """

    step: int
    state: Callable[[], TrainState]
    batch: Batch
    metrics: dict[str, np.ndarray]


def batches_of(job: Job, parts: Parts) -> Batches:
    """What the steps of a job see."""
    config = job.config
    return Batches(
        parts.train, config.batch_size, config.seed, config.data.flip, parts.family.draws
    )


class Trainer:
    """The steps of one config, on these devices.

    Attributes:
      batches: what they see.
      key_digest: step -> () -> digest of its keys.
    """

    def __init__(self, job: Job, parts: Parts) -> None:
        config, family = job.config, parts.family
        parallel.check_batch(config.batch_size, config.discriminator.pack)
        self._seed, self._family = config.seed, family
        self.batches = batches_of(job, parts)
        self.key_digest = steps.make_key_digest(family, config)
        self._steps = steps.Together(family, [config], at_once=False)
        self._per_call = calls.steps_per_call(config)
        self.images = config.batch_size * family.draws

    def initial(self) -> TrainState:
        """The state before the first step."""
        return jax.jit(self._family.init)(keys.stream(self._seed, "init"))

    def run(
        self, state: TrainState, start: int, stop: int, ends: frozenset[int] = frozenset()
    ) -> Iterator[Step]:
        """Every step from `state`, that of `start`, to `stop`, called as in training.

        Calls end at `ends` as well: where the run's did. Each that was shorter than others has a
        line in the ledger.
        """
        spread = self._steps.join([state])
        with contextlib.closing(self.batches.prefetch(start, stop)) as source:
            for call in calls.spans(start, stop, self._per_call, ends):
                batches = [next(source)[1] for _ in call]
                spread, (metrics,) = self._steps(spread, [calls.stacked(batches)])
                each = calls.of_steps(jax.device_get(metrics))
                there = partial(parallel.unreplicate, spread[0])
                for step, batch, said in zip(call, batches, each, strict=True):
                    yield Step(step + 1, there, batch, said)


class Compared(NamedTuple):
    """A replayed step against its line of the ledger.

    Attributes:
      step: steps done.
      streams: those of "indices", "content" and "keys" that differ.
      arrays: paths of the arrays that differ in any bit.
      state: whether the digest of the whole state is the line's.
      loss: the largest relative difference of a metric, and its name.
    """

    step: int
    streams: tuple[str, ...]
    arrays: tuple[str, ...]
    state: bool
    loss: tuple[float, str]

    @property
    def same(self) -> bool:
        """Bit for bit."""
        return self.state and self.loss[0] == 0 and not (self.streams or self.arrays)


class Replayed(NamedTuple):
    """A whole replay: the comparisons, and where it became infinite, if it did.

    Attributes:
      compared: in order.
      diverged: (step, names of what was not finite), or None.
      states: on the host, the last, and from the first difference on those of the steps asked for.
      metrics: of every step that was replayed, as the devices gave them.
    """

    compared: tuple[Compared, ...]
    diverged: tuple[int, tuple[str, ...]] | None
    states: dict[int, Any]
    metrics: dict[int, dict[str, np.ndarray]]

    @property
    def first(self) -> Compared | None:
        """The first comparison that is not the same bits."""
        return next((each for each in self.compared if not each.same), None)


def replay(
    trainer: Trainer,
    state: TrainState,
    span: tuple[int, int],
    found: Chain,
    keep: tuple[int, ...],
    patient: bool,
) -> Replayed:
    """Trains over a span, comparing wherever the ledger has a line.

    Args:
      trainer: of the config in force over the span.
      state: at the beginning of the span.
      span: (start, stop), steps done.
      found: the ledger.
      keep: steps whose state is wanted.
      patient: whether to go on to the end after a difference; otherwise to the next of `keep`.
    """
    (start, stop), lines, leaves = span, found.steps(), found.lines[0]["leaves"]
    compared: list[Compared] = []
    kept: dict[int, Any] = {}
    metrics: dict[int, dict[str, np.ndarray]] = {}
    chain = lines[start]["indices"] if start in lines else None
    differs = False
    progress = Progress(start, stop, trainer.images)
    try:
        for at in trainer.run(state, start, stop, frozenset((*lines, *keep))):
            progress.advance()
            if chain is not None:
                chain = chained(chain, trainer.batches.digest(at.step - 1))
            metrics[at.step] = at.metrics
            if not at.metrics[divergence.FINITE]:
                bad = [name for name, value in at.metrics.items() if not np.isfinite(value)]
                return Replayed(tuple(compared), (at.step, tuple(bad)), kept, metrics)
            if at.step in lines:
                if "keys" not in lines[at.step]:  # where a ledger began anew
                    chain = lines[at.step]["indices"]
                compared.append(_compare(at, chain, trainer, lines[at.step], leaves))
                progress.report(at.step, {})
                differs = differs or not compared[-1].same
            if (differs and at.step in keep) or at.step == stop:
                kept[at.step] = digest.to_host(at.state())
            if differs and not patient and not any(step > at.step for step in keep):
                break
            if differs and not patient and at.step in keep:
                break
    finally:
        progress.close()
    return Replayed(tuple(compared), None, kept, metrics)


def _compare(
    at: Step, chain: str | None, trainer: Trainer, line: Line, leaves: list[str]
) -> Compared:
    streams = {"content": digest.digest(at.batch), "keys": trainer.key_digest(at.step - 1)()}
    if chain is not None:
        streams["indices"] = chain
    ours = digest.leaf_digests(at.state())
    return Compared(
        at.step,
        tuple(name for name, value in streams.items() if line.get(name, value) != value),
        tuple(short(leaves, leaves_of(line), shortened(ours))),
        digest.combine(ours) == line["state"],
        _loss_difference(line.get("metrics", {}), at.metrics),
    )


def _loss_difference(then: dict[str, float], now: dict[str, np.ndarray]) -> tuple[float, str]:
    found = []
    for name, value in then.items():
        ours = float(now.get(name, np.float32(np.nan)))
        far = abs(value - ours) / max(abs(value), abs(ours), SMALL)
        found.append((far if np.isfinite(far) else np.inf, name))
    return max(found, default=(0.0, ""))
