"""The one training loop: every family, any number of devices, resumable at any step.

A run is a function of its config. The loop holds no state that is not in the checkpoint: batches
and keys follow from (seed, step), so that a run resumed at step s does what it would have done.
"""

from pathlib import Path
from typing import Any

import jax
from absl import logging
from ml_collections import ConfigDict

from gen_jax.core import keys, parallel, processes
from gen_jax.core.state import Family, TrainState
from gen_jax.data.batches import Batches, num_steps
from gen_jax.data.spec import Split
from gen_jax.errors import UserError
from gen_jax.train import divergence, steps
from gen_jax.train.books import Books, Due, Hooks
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.interrupt import Interrupted, StopSignals
from gen_jax.train.progress import Progress
from gen_jax.train.records import Records

__all__ = ["Hooks", "check_decay", "total_steps", "train"]


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


def train(
    config: ConfigDict,
    family: Family,
    split: Split,
    workdir: Path,
    checkpoints: Checkpoints,
    hooks: Hooks,
) -> TrainState:
    """Trains from the newest intact checkpoint (or from scratch) to the last step.

    Of several processes the first alone uses the workdir, the checkpoints and the hooks.

    Returns the final state on one device, which is also the newest checkpoint.

    Raises:
      Interrupted: a signal came; the state is saved.
      UserError: a loss or a gradient is not finite, a checkpoint cannot be written, or the batch
        size does not fit the devices.
    """
    parallel.check_batch(config.batch_size)
    writes = processes.first()
    with processes.together():
        state = jax.jit(family.init)(keys.stream(config.seed, "init"))
        if writes and checkpoints.latest_step() is not None:
            state, start, _ = checkpoints.restore(state)
            logging.info("Resuming at step %d.", start)
    state = processes.from_first(state)
    start, stop = int(state.step), total_steps(config, split, family.draws)
    stream = (split, config.batch_size, config.seed, config.data.flip, family.draws)
    mine = Batches(*stream, parallel.share(config.batch_size))
    whole = mine if jax.process_count() == 1 else Batches(*stream)
    step_fn, key_digest = steps.make_step(family, config), steps.make_key_digest(family, config)
    images = config.batch_size * family.draws
    progress: Any = processes.Bystander()
    books: Any = processes.Bystander()
    with processes.together():
        if writes:
            records, progress = Records(workdir, start), Progress(start, stop, images)
            # That a finished run was given another config is a line as well.
            lasting = start < stop or config.resume.config == "record"
            ledger = hooks.ledger(start, state) if hooks.ledger and lasting else None
            epoch = len(split) / images
            books = Books(hooks, checkpoints, records, progress, ledger, whole, epoch)
    watch = divergence.Watch(workdir if writes else None, whole, checkpoints.latest_step)
    state = parallel.replicate(state)
    stops = processes.Stops()
    fresh = start  # where a replay may begin; in two steps training amplifies little rounding
    milestones = {
        num_steps(len(split), config.batch_size, family.draws, epochs)
        for epochs in config.eval_epochs
    }

    def at(every: int, step: int) -> bool:
        return every > 0 and step % every == 0

    def due(step: int, last: bool) -> Due:
        saved = at(config.checkpoint_every, step) or step in milestones or last
        return Due(
            # A run that resumes here has lost the metrics of earlier steps.
            log=at(config.log_every, step) or saved,
            witness=config.ledger_every > 0
            and (at(config.ledger_every, step) or saved or step - fresh <= 2),
            sample=at(config.sample_every, step),
            evaluate=at(config.eval_every, step) or step in milestones,
            save=saved,
        )

    try:
        with StopSignals() as signals:
            for step, batch in mine.prefetch(start, stop):
                parts = stops.send(parallel.shard(batch, axis=1), signals.received)
                state, metrics = step_fn(state, parts)
                done = step + 1
                progress.advance()
                last = stops.hear(metrics, signals.received) is not None or done == stop
                books.note(done, watch.see(done, metrics))
                now = due(done, last)
                fresh = done if now.save else fresh
                if not any(now):
                    continue
                watch.settle()
                with processes.together(state):
                    derived = key_digest(step) if now.witness else None
                    books.keep(state, done, now, batch, derived)
                    if last:
                        checkpoints.wait()
                number = processes.most(signals.received or 0) if last else 0
                if number:
                    raise Interrupted(done, number)
    finally:
        books.close()
    return parallel.unreplicate(state)
