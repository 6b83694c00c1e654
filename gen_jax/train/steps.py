"""The compiled step on all devices, and the keys it derives."""

from collections.abc import Callable

import jax
import numpy as np
from ml_collections import ConfigDict

from gen_jax.core import digest, keys, parallel, processes
from gen_jax.core.state import Family
from gen_jax.data.spec import scaled
from gen_jax.train import divergence


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

    return parallel.pmap(processes.hearing(step), donate=(0,))


def make_key_digest(family: Family, config: ConfigDict) -> Callable[[int], Callable[[], str]]:
    """step -> () -> SHA-256 (hex) of the keys that the devices derive for it, in example order.

    The first call starts the devices of all processes on it, the second waits for them.
    """
    derive = _keys(family, config)

    def seen(step):
        example_keys, batch_key = derive(step)
        examples = parallel.gather(jax.random.key_data(example_keys).swapaxes(0, 1))
        return {"examples": examples, "batch": jax.random.key_data(batch_key)}

    on_devices = parallel.pmap(seen)

    def of_step(step: int) -> Callable[[], str]:
        found = on_devices(np.full(jax.local_device_count(), step, np.int32))
        if jax.process_count() > 1:  # collectives of two programs must not meet
            jax.block_until_ready(found)
        return lambda: digest.digest(parallel.unreplicate(found))

    return of_step


def _keys(family: Family, config: ConfigDict) -> Callable:
    """Within `pmap`: step -> (this device's share of the example keys [draws, b], batch key)."""
    noise = keys.stream(config.seed, "noise")

    def derive(step):
        example_key, batch_key = jax.random.split(keys.at_step(noise, step))
        return parallel.example_keys(example_key, family.draws, config.batch_size), batch_key

    return derive
