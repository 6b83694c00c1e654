"""What the ledger costs: steps with it against steps without, in pairs.

Windows of `--every` steps of the flagship on a fixed batch, by turns without and with all that
the training loop does for a line of the ledger. It is done at the end of a window, when the
devices have nothing left to do: as if none of it ran beside the steps, which bounds it from above.
At the default of 50 steps that is far below the noise of most machines; windows of 5 show ten times
as much.

    python benchmarks/ledger.py --every=5 --pairs=40
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import numpy as np

from gen_jax import config as configs
from gen_jax.audit.ledger import Ledger
from gen_jax.core import digest, keys, parallel
from gen_jax.data.batches import Batches
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.families import FAMILIES
from gen_jax.train import steps

ROOT = Path(__file__).resolve().parents[1]


def images(count: int = 1000) -> ArraySplit:
    """Noise in the shape of CIFAR-100: what a step costs does not depend on pixels."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    names = tuple(map(str, range(100)))
    labels = rng.integers(0, 100, count).astype(np.int32)
    return ArraySplit(DataSpec("noise", (32, 32, 3), 100, names, count), pixels, labels)


def main() -> None:
    """Prints the medians over pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/cvae_gan_cifar100.py")
    parser.add_argument("--every", type=int, default=50, help="ledger_every")
    parser.add_argument("--pairs", type=int, default=10)
    flags = parser.parse_args()
    config, split = configs.load(flags.config), images()
    family = FAMILIES[config.family](config, split.spec)
    step_fn, key_digest = steps.Step(family, config), steps.make_key_digest(family, config)
    batches = Batches(split, config.batch_size, config.seed, config.data.flip, family.draws)
    batch = batches.batch(0)
    sharded = parallel.shard(batch, axis=1)
    initial = jax.jit(family.init)(keys.stream(config.seed, "init"))
    state = parallel.replicate(initial)
    held = []

    def window(ledger: Ledger | None, state):
        begin, kept = time.perf_counter(), 0.0
        for step in range(flags.every):
            state, metrics = step_fn(state, sharded)
            if ledger is None:
                continue
            since = time.perf_counter()
            ledger.advance(batches.digest(step))
            kept += time.perf_counter() - since
        jax.block_until_ready(state)
        if ledger is not None:
            since = time.perf_counter()
            entries = {"content": partial(digest.digest, batch), "keys": key_digest(step)}
            entries["metrics"] = {name: value[0] for name, value in metrics.items()}
            ledger.record(step, parallel.unreplicate(state), entries)
            ledger.wait()
            kept += time.perf_counter() - since
        return state, time.perf_counter() - begin, kept

    state, _, _ = window(None, state)  # compiles
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder), 0, initial, {}) as ledger:
        state, _, _ = window(ledger, state)
        ratios = []
        for _ in range(flags.pairs):
            state, without, _ = window(None, state)
            state, with_ledger, kept = window(ledger, state)
            ratios.append(with_ledger / without - 1)
            held.append(kept / without)
    leaves = jax.tree.leaves(initial)
    size = sum(leaf.nbytes for leaf in leaves) / 1e6
    quartiles = statistics.quantiles(ratios, n=4)
    print(f"{flags.config}, a line every {flags.every} steps; {len(leaves)} arrays, {size:.0f} MB")
    print(f"a window without: {without:.2f} s")
    print(f"with the ledger, ratio - 1: median {statistics.median(ratios):+.2%}", end=" ")
    print(f"(quartiles {quartiles[0]:+.2%}, {quartiles[2]:+.2%}; {flags.pairs} pairs)")
    line = statistics.median(held)
    print(f"timed by itself: median {line * without:.3f} s a line, {line:.2%} of a window, at most")


if __name__ == "__main__":
    main()
