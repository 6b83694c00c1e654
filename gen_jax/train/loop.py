"""The one training loop: every family, any number of devices, resumable at any step.

A run is a function of its config. The loop holds no state that is not in the checkpoint: batches
and keys follow from (seed, step), so that a run resumed at step s does what it would have done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import jax
from ml_collections import ConfigDict

from gen_jax.core import parallel, processes
from gen_jax.core.state import Family, TrainState
from gen_jax.data.batches import Batch, Batches, num_steps, prefetched
from gen_jax.data.spec import Split
from gen_jax.errors import UserError
from gen_jax.train import calls, divergence, resident, steps, window
from gen_jax.train.books import Books, Due, Hooks
from gen_jax.train.interrupt import Interrupted, StopSignals
from gen_jax.train.profile import Profile
from gen_jax.train.progress import Progress
from gen_jax.train.records import Records
from gen_jax.train.runs import Run, begin

__all__ = ["Hooks", "Run", "check_decay", "total_steps", "train"]


def total_steps(config: ConfigDict, split: Split, draws: int) -> int:
    """`num_steps` if set, else as many as `num_epochs` takes; UserError if that is none."""
    steps = config.num_steps
    if steps is None:
        steps = num_steps(len(split), config.batch_size, draws, config.num_epochs)
    if steps < 1:
        raise UserError(
            f"nothing to train: num_steps={config.num_steps}, num_epochs={config.num_epochs}"
        )
    return steps


def check_decay(config: ConfigDict, split: Split, draws: int, steps: int) -> None:
    """Raises UserError if the learning rates would be 0 long before the last step."""
    epochs = config.optimizer.decay_epochs
    end = num_steps(len(split), config.batch_size, draws, epochs)
    if 0 < end < steps:
        whole = f"{steps * config.batch_size * draws / len(split):.4g}"
        raise UserError(
            f"learning rates fall to 0 over optimizer.decay_epochs={epochs}, {end} steps, and "
            f"{steps} are asked for; pass --config.optimizer.decay_epochs={whole} or fewer steps"
        )


def milestones(config: ConfigDict, split: Split, draws: int) -> frozenset[int]:
    """The steps after which `eval_epochs` are over."""
    each = (num_steps(len(split), config.batch_size, draws, e) for e in config.eval_epochs)
    return frozenset(each)


def train(family: Family, split: Split, runs: Sequence[Run]) -> list[TrainState]:
    """Trains from the newest intact checkpoints (or from scratch) to the last step.

    Returns the final states on one device, which are also the newest checkpoints.

    Raises:
      Interrupted: a signal came; the states are saved.
      UserError: a loss or a gradient is not finite, a checkpoint cannot be written, the batch
        size does not fit the devices, or several runs do not fit in memory or have no step in
        common to go on from.
    """
    config = runs[0].config
    parallel.check_batch(config.batch_size)
    with processes.together():
        states = begin(family, runs)
    states = processes.from_first(states)
    start, stop = int(states[0].step), total_steps(config, split, family.draws)
    per_call, marks = calls.steps_per_call(config), milestones(config, split, family.draws)
    with processes.together():
        wanted = resident.wanted(split, config.data.resident)
    # Where one process has no room for them, none keeps them: all launch the same programs.
    store = {} if processes.most(int(not wanted)) else resident.store(split)
    steps_of_all = steps.Together(family, [run.config for run in runs], store=store)
    state = steps_of_all.join(states)
    spans = calls.spans(start, stop, per_call, marks, config.checkpoint_every)
    stops = processes.Stops()
    fresh = start  # where a replay may begin; in two steps training amplifies little rounding

    def at(every: int, call: range) -> bool:
        """Whether a multiple of `every` is among the steps done after this call alone."""
        return every > 0 and call.stop // every > call.start // every

    def due(call: range, last: bool) -> Due:
        step, marked = call.stop, call.stop in marks
        kept = at(config.checkpoint_every, call) or marked
        # A run that is killed and resumes here has lost the metrics of earlier steps.
        whole, saved = at(config.log_every, call) or kept, kept or last
        return Due(
            log=whole or last,
            whole=whole,
            witness=config.ledger_every > 0
            and (at(config.ledger_every, call) or saved or step - fresh <= max(2, per_call)),
            sample=at(config.sample_every, call),
            evaluate=at(config.eval_every, call) or marked,
            save=saved,
        )

    with ExitStack() as stack, StopSignals() as signals:
        tracer: Any = processes.Bystander()
        with processes.together():
            if config.profile and start < stop:
                tracer = Profile(runs[0].workdir, start, stop, per_call)
                stack.callback(tracer.close)
            desks = []
            for run, begun in zip(runs, states, strict=True):
                desks.append(_Desk(run, family, split, begun, bool(store)))
                stack.callback(desks[-1].books.close)
        for call, batches in _called(desks, start, stop, spans):
            parts = [stops.send(calls.stacked(each), signals.received) for each in batches]
            state, metrics = steps_of_all(state, parts)
            done = call.stop
            for desk in desks * len(call):
                desk.progress.advance()
            last = stops.hear(metrics[0], signals.received) is not None or done == stop
            for desk, said in zip(desks, metrics, strict=True):
                desk.books.note(call, desk.watch.see(call, said))
            tracer.after(done, state, partial(steps_of_all.text, state, parts))
            now = due(call, last)
            fresh = done if now.save else fresh
            if not any(now):
                continue
            for desk in desks:
                desk.watch.settle()  # none is saved if one diverged
            for desk in desks if len(desks) > 1 else ():
                desk.progress.pause()
            for k, (desk, each) in enumerate(zip(desks, batches, strict=True)):
                with processes.together(state):
                    derived = desk.key_digest(done - 1) if now.witness else None
                    batch = desk.seen(done - 1, each[-1])
                    desk.books.keep(steps_of_all.pick(state, k), done, now, batch, derived)
                    if last:
                        desk.checkpoints.wait()
            for desk in desks if len(desks) > 1 else ():
                desk.progress.resume()
            number = processes.most(signals.received or 0) if last else 0
            if number:
                raise Interrupted(done, number)
    return [parallel.unreplicate(steps_of_all.pick(state, k)) for k in range(len(runs))]


class _Desk:
    """What one run has beside its state: batches, books, progress, and a watch on divergence."""

    def __init__(
        self, run: Run, family: Family, split: Split, state: TrainState, resident_images: bool
    ) -> None:
        config, start = run.config, int(state.step)
        stop = total_steps(config, split, family.draws)
        images = config.batch_size * family.draws
        stream = (split, config.batch_size, config.seed, config.data.flip, family.draws)
        own = Batches(*stream, parallel.share(config.batch_size))
        whole = own if jax.process_count() == 1 else Batches(*stream)
        self._whole = whole if resident_images or jax.process_count() > 1 else None
        pick = partial(resident.picks, own) if resident_images else own.batch
        self.prefetch = partial(prefetched, pick)
        self.key_digest = steps.make_key_digest(family, config)
        self.checkpoints = run.checkpoints
        self.progress: Any = processes.Bystander()
        self.books: Any = processes.Bystander()
        writes = processes.first()
        if writes:
            before = window.read(run.workdir, start) if start < stop else []
            records = Records(run.workdir, start, broken_off=bool(before))
            self.progress = Progress(start, stop, images, run.name)
            # That a finished run was given another config is a line as well.
            lasting = start < stop or config.resume.config == "record"
            ledger = run.hooks.ledger(start, state) if run.hooks.ledger and lasting else None
            epoch = len(split) / images
            self.books = Books(
                run.hooks, run.checkpoints, records, self.progress, ledger, whole, epoch, before
            )
        newest = run.checkpoints.latest_step
        self.watch = divergence.Watch(run.workdir if writes else None, whole, newest)

    def seen(self, step: int, batch: Batch) -> Callable[[], Batch]:
        """() -> the whole global batch of a step, of which `batch` is what was sent from here."""
        return lambda: batch if self._whole is None else self._whole.batch(step)


def _called(
    desks: Sequence[_Desk], start: int, stop: int, spans: Iterable[range]
) -> Iterator[tuple[range, list[list[Batch]]]]:
    """The steps of every call, and every run's batches of them."""
    with ExitStack() as stack:
        sources = [
            stack.enter_context(closing(desk.prefetch(range(start, stop)))) for desk in desks
        ]
        for call in spans:
            yield call, [[next(source)[1] for _ in call] for source in sources]
