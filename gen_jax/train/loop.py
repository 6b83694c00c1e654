"""The one training loop: every family, any number of devices, resumable at any step.

A run is a function of its config. The loop holds no state that is not in the checkpoint: batches
and keys follow from (seed, step), so that a run resumed at step s does what it would have done.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from absl import logging
from clu.metrics import Average
from ml_collections import ConfigDict

from gen_jax.audit.ledger import Ledger
from gen_jax.core import digest, keys, parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.batches import Batches, num_steps
from gen_jax.data.spec import Split, scaled
from gen_jax.errors import UserError
from gen_jax.train import divergence, memory
from gen_jax.train.checkpoints import Checkpoints
from gen_jax.train.interrupt import Interrupted, StopSignals
from gen_jax.train.progress import Progress
from gen_jax.train.records import Records


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


def make_step(family: Family, config: ConfigDict) -> Callable:
    """The step on all devices: (state, batch) -> (state, metrics).

    Scales uint8 images to [-1, 1] and derives the step's keys from the state's own step. Beside the
    family's metrics there is whether all of them are finite (`divergence.flag`).
    """
    derive = _keys(family, config)

    def step(state, batch):
        example_keys, batch_key = derive(state.step)
        batch = batch | {"image": scaled(batch["image"])}
        state, metrics = family.step(state, batch, example_keys, batch_key)
        return state, divergence.flag(metrics)

    return parallel.pmap(step, donate=(0,))


def make_key_digest(family: Family, config: ConfigDict) -> Callable[[int], Callable[[], str]]:
    """step -> () -> SHA-256 (hex) of the keys that the devices derive for it, in example order.

    The first call starts the devices on it, the second waits for them.
    """
    derive = _keys(family, config)

    def seen(step):
        example_keys, batch_key = derive(step)
        examples = parallel.gather(jax.random.key_data(example_keys).swapaxes(0, 1))
        return {"examples": examples, "batch": jax.random.key_data(batch_key)}

    on_devices = parallel.pmap(seen)

    def of_step(step: int) -> Callable[[], str]:
        found = on_devices(np.full(jax.local_device_count(), step, np.int32))
        return lambda: digest.digest(parallel.unreplicate(found))

    return of_step


def _keys(family: Family, config: ConfigDict) -> Callable:
    """Within `pmap`: step -> (this device's share of the example keys [draws, b], batch key)."""
    noise = keys.stream(config.seed, "noise")

    def derive(step):
        example_key, batch_key = jax.random.split(keys.at_step(noise, step))
        return parallel.example_keys(example_key, family.draws, config.batch_size), batch_key

    return derive


def train(
    config: ConfigDict,
    family: Family,
    split: Split,
    workdir: Path,
    checkpoints: Checkpoints,
    hooks: Hooks,
) -> TrainState:
    """Trains from the newest intact checkpoint (or from scratch) to the last step.

    Returns the final state on one device, which is also the newest checkpoint.

    Raises:
      Interrupted: a signal came; the state is saved.
      UserError: a loss is not finite, a checkpoint cannot be written, or the batch size does not
        fit the devices.
    """
    parallel.check_batch(config.batch_size)
    state = jax.jit(family.init)(keys.stream(config.seed, "init"))
    if checkpoints.latest_step() is not None:
        state, start, _ = checkpoints.restore(state)
        logging.info("Resuming at step %d.", start)
    start, stop = int(state.step), total_steps(config, split, family.draws)
    batches = Batches(split, config.batch_size, config.seed, config.data.flip, family.draws)
    ledger = hooks.ledger(start, state) if hooks.ledger and start < stop else None
    key_digest = make_key_digest(family, config)
    watch = divergence.Watch(workdir, batches, checkpoints.latest_step)
    step_fn = make_step(family, config)
    state = parallel.replicate(state)
    pending: list[dict[str, jax.Array]] = []  # metrics of steps not logged yet, on the devices
    records, progress = (
        Records(workdir, start),
        Progress(start, stop, config.batch_size * family.draws),
    )
    per_epoch = len(split) / (config.batch_size * family.draws)
    milestones = {
        num_steps(len(split), config.batch_size, family.draws, epochs)
        for epochs in config.eval_epochs
    }

    def at(every: int, step: int) -> bool:
        return every > 0 and step % every == 0

    def log(state: TrainState, step: int) -> None:
        fetched = jax.device_get(pending)
        pending.clear()
        scalars = {
            name: float(
                Average.from_model_output(np.stack([m[name][0] for m in fetched])).compute()
            )
            for name in fetched[0]
        }
        # A norm that leaps for a step leaves no trace in a mean of fifty.
        scalars |= {
            f"{name}_max": float(max(np.max(m[name]) for m in fetched))
            for name in fetched[0]
            if name.startswith("grad/")
        }
        progress.pause()
        scalars |= hooks.diagnose(parallel.unreplicate(state), step)
        progress.resume()
        bad = [name for name, value in scalars.items() if not np.isfinite(value)]
        if bad:
            raise UserError(
                f"training diverged: {', '.join(bad)} not finite between the last log line and "
                f"step {step}; last checkpoint: step {checkpoints.latest_step()}"
            )
        rate = progress.report(step, scalars)
        extra = {"images_per_second": rate, "epoch": step / per_epoch}
        records.write(step, "train", scalars | extra | memory.peaks())

    def witness(ledger: Ledger, state: TrainState, step: int, batch: Mapping) -> None:
        metrics = {name: value[0] for name, value in pending[-1].items()}
        entries = {"content": partial(digest.digest, batch), "keys": key_digest(step - 1)}
        ledger.record(step, parallel.unreplicate(state), entries | {"metrics": metrics})

    def check_finite(state: TrainState, step: int) -> None:
        """Losses describe the state before its last update; what is saved must be sound too."""
        for name, params in parallel.unreplicate(state.params).items():
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
                raise UserError(
                    f"training diverged: parameters of the {name} not finite at step {step}; "
                    f"last checkpoint: step {checkpoints.latest_step()}"
                )

    try:
        with StopSignals() as signals:
            for step, batch in batches.prefetch(start, stop):
                state, metrics = step_fn(state, parallel.shard(batch, axis=1))
                done = step + 1
                pending.append(watch.see(done, metrics))
                progress.advance()
                last = done == stop or signals.received is not None
                saved = at(config.checkpoint_every, done) or done in milestones or last
                if ledger is not None:
                    ledger.advance(batches.digest(step))
                    if at(config.ledger_every, done) or saved:
                        witness(ledger, state, done, batch)
                # A run that resumes here has lost the metrics of earlier steps.
                if at(config.log_every, done) or saved:
                    watch.settle()
                    log(state, done)
                evaluated: dict[str, float] = {}
                progress.pause()
                if at(config.sample_every, done):
                    hooks.sample(parallel.unreplicate(state), done)
                evaluates = at(config.eval_every, done) or done in milestones
                if evaluates or saved:
                    check_finite(state, done)
                if evaluates:
                    evaluated = dict(hooks.evaluate(parallel.unreplicate(state), done))
                    records.write(done, "eval", evaluated)
                if saved:
                    if ledger is not None:
                        ledger.wait()  # of a step that can be resumed there is a line
                    checkpoints.save(done, parallel.unreplicate(state), evaluated)
                progress.resume()
                if last and signals.received is not None:
                    checkpoints.wait()
                    raise Interrupted(done, signals.received)
        checkpoints.wait()
    finally:
        progress.close()
        records.close()
        if ledger is not None:
            ledger.close()
    return parallel.unreplicate(state)
