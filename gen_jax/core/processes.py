"""Several processes that train one model: what they agree on, and what the first alone does.

`jax.distributed` joins processes that run the same command; `core.parallel` spreads a step over the
devices of all. The first process alone reads and writes the workdir. Where it, or any other, may
fail there is a place that all of them pass (`together`): a collective that one process never joins
would keep the others waiting. With one process nothing here does anything.
"""

import hashlib
import json
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from gen_jax.core import parallel
from gen_jax.core.digest import to_host
from gen_jax.errors import UserError

Tree = Any
SIGNAL = "signal"
LAG = 2
"""Calls after which a signal is looked at: reading it at once would wait for the devices."""

GOODBYE = 60
"""Seconds that a process which ends waits for the others before it leaves them to `jax`."""


class Place(NamedTuple):
    """Which of how many processes this is, and where the first listens ("HOST:PORT")."""

    coordinator: str
    num_processes: int
    process_id: int


def place(coordinator: str | None, count: int | None, index: int | None) -> Place | None:
    """A place given by hand, None where none is; UserError if it makes no sense."""
    if coordinator is None and count is None and index is None:
        return None
    if coordinator is None or count is None or index is None:
        raise UserError(
            "--coordinator=HOST:PORT, --num_processes=N and --process_id=I go together; pass all "
            "three, or --distributed alone on a cluster that says them itself"
        )
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(
            f"--coordinator={coordinator}: must be HOST:PORT, such as 10.0.0.1:1234, of the "
            "machine that process 0 runs on"
        )
    if count < 1:
        raise UserError(f"--num_processes={count}: at least one")
    if not 0 <= index < count:
        raise UserError(
            f"--process_id={index}: must be at least 0 and below --num_processes={count}"
        )
    return Place(coordinator, count, index)


def join(where: Place | None) -> None:
    """Joins the other processes, before anything asks JAX for a device; None looks for a cluster.

    Raises:
      UserError: no cluster was found, JAX is in use already, or the processes have different
        numbers of devices. Where the others do not answer, JAX ends the process.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if where is None:
            jax.distributed.initialize(shutdown_timeout_seconds=GOODBYE)
        else:
            jax.distributed.initialize(
                *where, cluster_detection_method="deactivate", shutdown_timeout_seconds=GOODBYE
            )
    except ValueError as error:
        raise UserError(
            "--distributed: neither SLURM nor Open MPI nor a TPU pod started this process; pass "
            "--coordinator=HOST:PORT, --num_processes=N and --process_id=I"
        ) from error
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise UserError(f"cannot join the other processes: {reason}") from error
    # JAX has begun to take SIGTERM for itself and would swallow it.
    signal.signal(signal.SIGTERM, handler if handler is not None else signal.SIG_DFL)
    counts = [len(jax.local_devices(index)) for index in range(jax.process_count())]
    if len(set(counts)) > 1:
        raise UserError(f"processes have different numbers of devices: {counts}")


def release() -> None:
    """Lets the others end while the first goes on alone; after it nothing may be collective."""
    if jax.process_count() > 1:
        jax.distributed.shutdown()


def first() -> bool:
    """Whether this is the process that reads and writes the workdir."""
    return jax.process_index() == 0


def most(number: int) -> int:
    """The highest of every process's number; waits for all of them."""
    if jax.process_count() == 1:
        return number
    return int(np.max(multihost_utils.process_allgather(np.int32(number))))


@contextmanager
def together(after: Tree = ()) -> Iterator[None]:
    """Within, whoever fails makes all fail; the others wait at the end of it.

    Args:
      after: arrays of steps under way, done before the processes talk: the CPU's collectives of two
        programs must not meet.

    Raises:
      UserError: another process failed; the one that did raises its own error.
    """
    if jax.process_count() == 1:
        yield
        return
    jax.block_until_ready(after)
    try:
        yield
    except Exception:
        most(jax.process_index() + 1)
        raise
    if failed := most(0):
        raise UserError(f"process {failed - 1} could not go on; what it printed says why")


@contextmanager
def by_first(enter: Callable[[], AbstractContextManager]) -> Iterator[Any]:
    """A context only the first process enters, and a `Bystander` in the others.

    Raises:
      UserError: the first process could not enter it.
    """
    with ExitStack() as stack:
        with together():
            entered = stack.enter_context(enter()) if first() else Bystander()
        yield entered


class Bystander:
    """Takes the place of what only the first process has: every method does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def check_alike(*what: Any) -> None:
    """Raises UserError in all processes if one has other values, of JSON, than the first."""
    if jax.process_count() == 1:
        return
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).digest()
    others = multihost_utils.process_allgather(np.frombuffer(digest, np.uint8))
    unlike = [index for index, theirs in enumerate(others) if (theirs != others[0]).any()]
    if unlike:
        raise UserError(
            f"processes {unlike} have another config, other data or other frozen weights than "
            "process 0; start all with the same command, data and code"
        )


def from_first(tree: Tree) -> Tree:
    """The first process's tree, bit for bit, in every process, whose own is of the same shapes."""
    if jax.process_count() == 1:
        return tree
    host = to_host(tree)
    leaves, structure = jax.tree.flatten(host)
    # As bytes: the broadcast is a sum, and sums of floats have no negative zeros.
    raw = [np.ascontiguousarray(leaf).reshape(-1).view(np.uint8) for leaf in leaves]
    sent = multihost_utils.broadcast_one_to_all(np.concatenate(raw))
    parts = np.split(sent, np.cumsum([part.size for part in raw])[:-1])
    arrays = [
        part.view(leaf.dtype).reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.map(_like, tree, jax.tree.unflatten(structure, arrays))


def _like(leaf: Any, array: np.ndarray) -> Any:
    if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return array
    return jax.random.wrap_key_data(array, impl=jax.random.key_impl(leaf))  # type: ignore[arg-type]


def hearing(step: Callable) -> Callable:
    """A step, under `parallel.pmap`, that passes on the signal which its batch may carry."""

    def call(state: Tree, batch: Mapping[str, Any], *rest: Any) -> tuple[Tree, dict[str, Any]]:
        heard = {name: leaf for name, leaf in batch.items() if name != SIGNAL}
        state, metrics = step(state, heard, *rest)
        if SIGNAL in batch:
            metrics = metrics | {SIGNAL: jax.lax.pmax(batch[SIGNAL], parallel.AXIS)}
        return state, metrics

    return call


class Stops:
    """Signals to any process, heard by all of them at the same step.

    They travel with the steps, so that nothing is sent or waited for besides.
    """

    def __init__(self) -> None:
        self._under_way: deque[jax.Array] = deque()

    def send(self, batch: dict[str, Any], received: int | None) -> dict[str, Any]:
        """A sharded batch for `hearing`, with the signal this process has received, if any."""
        if jax.process_count() == 1:
            return batch
        return batch | {SIGNAL: np.full(jax.local_device_count(), received or 0, np.int32)}

    def hear(self, metrics: dict[str, Any], received: int | None) -> int | None:
        """The signal to obey now; takes out of a step's metrics what `hearing` put there."""
        if jax.process_count() == 1:
            return received
        self._under_way.append(metrics.pop(SIGNAL))
        if len(self._under_way) <= LAG:
            return None
        return int(np.max(np.asarray(self._under_way.popleft()))) or None
