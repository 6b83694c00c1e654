"""The compiled step on all devices, of one run or of several together, and the keys it derives."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, UInt32
from ml_collections import ConfigDict

from gen_jax.core import digest, keys, parallel, processes
from gen_jax.core.state import Family, TrainState
from gen_jax.core.xla import on_cpu
from gen_jax.data.spec import scaled
from gen_jax.errors import UserError
from gen_jax.train import divergence, resident

Root = UInt32[Array, "..."]  # the noise stream's key, as data
Metrics = dict[str, Any]


class Step:
    """The step on all devices: (state, batch) -> (state, metrics); see `donated` about the state.

    Scales uint8 images to [-1, 1] and derives the step's keys from the state's own step. Beside the
    family's metrics there is whether all of them are finite (`divergence.flag`). The seed is in the
    third argument alone, the `root` of its noise: the same program serves every seed.
    """

    def __init__(self, family: Family, config: ConfigDict) -> None:
        self._program: Any = parallel.pmap(
            processes.hearing(on_device(family, config)), donate=donated()
        )
        self._root = root(config)

    def __call__(
        self, state: TrainState, batch: Any, noise: Root | None = None
    ) -> tuple[TrainState, Metrics]:
        return self._program(state, batch, self._root if noise is None else noise)

    def compiled(self, state: TrainState, batch: Any) -> Any:
        """JAX's compiled program for arguments like these."""
        return self._program.lower(state, batch, self._root).compile()


def donated() -> tuple[int, ...]:
    """Arguments of a step whose memory it may use for its results: the state.

    Not on a CPU: XLA would copy most of the state first, since optimizers read what they replace
    more than once.
    """
    return () if on_cpu() else (0,)


def on_device(family: Family, config: ConfigDict) -> Callable:
    """What one device does of a step, under `parallel.pmap`: (state, batch, root)."""

    def step(state, batch, noise):
        example_keys, batch_key = _keys(noise, state.step, family, config)
        batch = batch | {"image": scaled(batch["image"])}
        state, metrics = family.step(state, batch, example_keys, batch_key)
        return state, divergence.flag(metrics)

    return step


def in_calls(step: Callable, per_run: bool = False) -> Callable:
    """A step of `on_device` as the program of a call: (state, batches, root).

    Batches of several steps lead with an axis of steps, and so do their metrics.

    Args:
      step: of one run.
      per_run: whether states, batches, roots and metrics lead with an axis of runs that are trained
        together, batches after that of steps.
    """
    one = jax.vmap(step) if per_run else step

    def call(state, batches, noise):
        if not _several(batches, 3 if per_run else 2):
            return one(state, batches, noise)
        return jax.lax.scan(lambda s, batch: one(s, batch, noise), state, batches)

    return processes.hearing(call)


def root(config: ConfigDict) -> Root:
    """The root of a run's noise, on every local device."""
    return parallel.replicate(jax.random.key_data(keys.stream(config.seed, "noise")))


class Together:
    """The steps of runs that differ in their seeds, taken together.

    On a CPU in turn, by the very program of a run alone: its bits. On other devices at once, in one
    program over stacked states (`jax.vmap` inside pmap), which costs small networks little more
    than one run does; a run is then, to rounding, what it would be alone.

    Args:
      family, configs: of the runs.
      at_once: whether to stack; by default as said.
      store: images on the devices (`resident`), of which batches then say the numbers.
    """

    def __init__(
        self,
        family: Family,
        configs: Sequence[ConfigDict],
        at_once: bool | None = None,
        store: resident.Store | None = None,
    ) -> None:
        if at_once is None:
            at_once = together_at_once(len(configs))
        self._at_once, self._count, self._store = at_once, len(configs), store or {}
        self._gathered = parallel.pmap(resident.gathered)
        self._program: Any
        if at_once:
            called = in_calls(on_device(family, configs[0]), per_run=True)

            def every(states, batches, roots):
                states, metrics = called(states, batches, roots)
                several = _several(batches, 3)

                def of_run(k):
                    return {n: v[:, k] if several else v[k] for n, v in metrics.items()}

                return states, [of_run(k) for k in range(len(configs))]

            self._program = parallel.pmap(every, donate=donated())
            roots = [jax.random.key_data(keys.stream(c.seed, "noise")) for c in configs]
            self._roots = parallel.replicate(np.stack(roots))
            self._picked = parallel.pmap(
                lambda states, k: jax.tree.map(lambda leaf: leaf[k], states)
            )
        else:
            self._program = Step(family, configs[0])
            several = in_calls(on_device(family, configs[0]))
            self._in_calls: Any = parallel.pmap(several, donate=donated())
            self._roots = [root(config) for config in configs]

    def join(self, states: Sequence[TrainState]) -> Any:
        """The states on all devices."""
        if self._at_once:
            return parallel.replicate(jax.tree.map(lambda *leaves: np.stack(leaves), *states))
        return [parallel.replicate(state) for state in states]

    def __call__(self, states: Any, batches: Sequence[Any]) -> tuple[Any, list[Metrics]]:
        """A call (`calls.stacked`) of every run, each on its own batches; see `donated`."""
        try:
            if self._at_once:
                return self._program(states, self._joined(batches), self._roots)
            done = list(map(self._called, states, batches, self._roots))
        except jax.errors.JaxRuntimeError as error:
            if self._count > 1 and "RESOURCE_EXHAUSTED" in str(error):
                raise UserError(
                    f"num_seeds={self._count}: so many runs do not fit in the devices' memory "
                    "together; use fewer, and --config.seed for the next ones"
                ) from error
            raise
        return [state for state, _ in done], [metrics for _, metrics in done]

    def text(self, states: Any, batches: Sequence[Any]) -> str:
        """The compiled program, in XLA's language."""
        if self._at_once:
            lowered = self._program.lower(states, self._joined(batches), self._roots)
            return lowered.compile().as_text()
        batch = self._sent(batches[0])
        if not _several(batch, 3):
            return self._program.compiled(states[0], batch).as_text()
        return self._in_calls.lower(states[0], batch, self._roots[0]).compile().as_text()

    def pick(self, states: Any, k: int) -> TrainState:
        """The k-th run's own state, on all devices."""
        if self._at_once:
            return self._picked(states, np.full(jax.local_device_count(), k, np.int32))
        return states[k]

    def _called(self, state: TrainState, batches: Any, noise: Root) -> tuple[TrainState, Metrics]:
        batches = self._sent(batches)
        program = self._in_calls if _several(batches, 3) else self._program
        return program(state, batches, noise)

    def _sent(self, batches: Any) -> Any:
        """What programs take: with a store, the images of which batches are the numbers."""
        return self._gathered(self._store, batches) if self._store else batches

    def _joined(self, batches: Sequence[Any]) -> Any:
        """The batches of all runs: [devices, runs, ...], or [devices, steps, runs, ...]."""
        axis = 2 if _several(batches[0], 3) else 1
        return self._sent(jax.tree.map(lambda *leaves: np.stack(leaves, axis=axis), *batches))


def _several(batches: Any, axes: int) -> bool:
    """Whether labels, or numbers of images, have an axis of steps beside so many others."""
    return np.ndim(batches["label" if "label" in batches else "index"]) > axes


def together_at_once(count: int) -> bool:
    """Whether so many runs would be stacked on these devices."""
    return count > 1 and jax.default_backend() != "cpu"


def make_key_digest(family: Family, config: ConfigDict) -> Callable[[int], Callable[[], str]]:
    """step -> () -> SHA-256 (hex) of the keys that the devices derive for it, in example order.

    The first call starts the devices of all processes on it, the second waits for them.
    """

    def seen(step, noise):
        example_keys, batch_key = _keys(noise, step, family, config)
        examples = parallel.gather(jax.random.key_data(example_keys).swapaxes(0, 1))
        return {"examples": examples, "batch": jax.random.key_data(batch_key)}

    on_devices, noise = parallel.pmap(seen), root(config)

    def of_step(step: int) -> Callable[[], str]:
        found = on_devices(np.full(jax.local_device_count(), step, np.int32), noise)
        if jax.process_count() > 1:  # collectives of two programs must not meet
            jax.block_until_ready(found)
        return lambda: digest.digest(parallel.unreplicate(found))

    return of_step


def _keys(noise: Root, step: Any, family: Family, config: ConfigDict) -> tuple[Any, Any]:
    """Within `pmap`: (this device's share of the example keys [draws, b], batch key) of a step."""
    at_step = keys.at_step(jax.random.wrap_key_data(noise), step)
    example_key, batch_key = jax.random.split(at_step)
    return parallel.example_keys(example_key, family.draws, config.batch_size), batch_key
