"""Batches as a pure function of (seed, step).

The training stream is the concatenation of epochs, each a true permutation of the data set:
nothing is dropped or repeated within an epoch, and a batch may straddle two. Because position in
the stream says everything, there is no iterator state to save: a resumed run asks for the step it
is at, and any number of devices share the one global batch.

Order and flips come from the raw 64-bit words of Philox keyed by (seed, epoch). NumPy promises
that the raw stream of a bit generator never changes; it does not promise this of
`Generator.permutation` and its like, which would tie old runs to an old NumPy.
"""

import collections
import functools
import hashlib
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from gen_jax.data.spec import Split
from gen_jax.errors import UserError

Batch = dict[str, np.ndarray]


def num_steps(num_examples: int, batch_size: int, draws: int, num_epochs: float) -> int:
    """Steps after which every example was seen `num_epochs` times: rounded up, never short."""
    return int(-(-num_epochs * num_examples // (batch_size * draws)))


def epoch_order(num_examples: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """One epoch's permutation and coin flips.

    Args:
        num_examples: N, at least 1.
        seed: 0 <= seed < 2**64.
        epoch: counted from 0.

    Returns:
        order int64 [N], a permutation of 0 .. N - 1, and flips bool [N]: whether the image at
        that position of the epoch is mirrored.
    """
    words = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(2 * num_examples)
    order = np.argsort(words[:num_examples], kind="stable").astype(np.int64)
    flips = (words[num_examples:] >> np.uint64(63)).astype(bool)
    return order, flips


class Batches:
    """The global batches of a training run.

    Step s, draw d takes the B stream positions from (s * draws + d) * B on; stream position p is
    position p % N of epoch p // N.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        flip: bool = False,
        draws: int = 1,
        share: slice = slice(None),
    ):
        """Describes the stream; reads nothing yet.

        Args:
            split: where images come from, N of them.
            batch_size: B, images in one draw over all devices together.
            seed: 0 <= seed < 2**64; with the step, decides every index and every flip.
            flip: mirror each image left to right with probability one half.
            draws: batches one training step consumes (a GAN's critic steps, for example).
            share: which examples of every global batch `batch` gives, b of them.

        Raises:
            UserError: an empty split, a batch size or draws below 1, or a seed out of range.
        """
        if len(split) < 1:
            raise UserError(f"data set {split.spec.name!r} has no images to train on")
        if batch_size < 1 or draws < 1:
            raise UserError(f"batch_size ({batch_size}) and draws ({draws}) must be at least 1")
        if not 0 <= seed < 2**64:
            raise UserError(f"seed must be between 0 and 2**64 - 1, not {seed}")
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.flip = flip
        self.draws = draws
        self.share = share
        # A batch straddles at most two epochs at ordinary sizes: keep those two.
        self._epoch = functools.lru_cache(maxsize=2)(
            functools.partial(epoch_order, len(split), seed)
        )

    def indices(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Which images a step sees, and which of them mirrored: a pure function of (seed, step).

        Args:
            step: counted from 0.

        Returns:
            indices int64 [draws, B] into the split, and flips bool [draws, B], all False
            unless `flip`.
        """
        num, size = self.draws * self.batch_size, len(self.split)
        position, stop = step * num, (step + 1) * num
        orders, flips = [], []
        while position < stop:
            epoch, offset = divmod(position, size)
            order, coins = self._epoch(epoch)
            orders.append(order[offset : offset + stop - position])
            flips.append(coins[offset : offset + stop - position])
            position += len(orders[-1])
        shape = (self.draws, self.batch_size)
        mirrored = np.concatenate(flips).reshape(shape)
        return np.concatenate(orders).reshape(shape), mirrored & self.flip

    def digest(self, step: int) -> str:
        """SHA-256 (hex) of the indices and flips of a step."""
        indices, flips = self.indices(step)
        return hashlib.sha256(indices.astype("<i8").tobytes() + flips.tobytes()).hexdigest()

    def batch(self, step: int) -> Batch:
        """The images of a step, of the share alone.

        Returns:
            "image" uint8 [draws, b, H, W, C] and "label" int32 [draws, b].
        """
        indices, flips = (part[:, self.share] for part in self.indices(step))
        gathered = self.split.gather(indices.reshape(-1))
        images = gathered["image"]
        if self.flip:
            images = np.where(flips.reshape(-1, 1, 1, 1), images[:, :, ::-1], images)
        return {
            "image": images.reshape(*indices.shape, *images.shape[1:]),
            "label": gathered["label"].reshape(indices.shape),
        }

    def prefetch(
        self, start: int, stop: int, depth: int = 2
    ) -> Generator[tuple[int, Batch], None, None]:
        """Batches of steps start .. stop - 1, as `prefetched`."""
        return prefetched(self.batch, range(start, stop), depth)


def prefetched(
    prepare: Callable[[int], Batch], steps: Iterable[int], depth: int = 2
) -> Generator[tuple[int, Batch], None, None]:
    """What `prepare` gives for each step, prepared by one background thread.

    The thread works at most `depth` steps ahead. An exception raised while preparing a step is
    raised when that step is asked for. Leaving the loop early, or closing the iterator, drops what
    was not started and waits for the batch in progress.

    Yields:
        (step, batch), steps in order.
    """
    pending: collections.deque[tuple[int, Future[Batch]]] = collections.deque()
    pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    upcoming = iter(steps)
    try:
        for step in upcoming:
            pending.append((step, pool.submit(prepare, step)))
            if len(pending) >= depth:
                break
        while pending:
            step, future = pending.popleft()
            batch = future.result()
            for later in upcoming:
                pending.append((later, pool.submit(prepare, later)))
                break
            yield step, batch
    finally:
        pool.shutdown(cancel_futures=True)
