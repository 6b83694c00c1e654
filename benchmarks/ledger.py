"""What the ledger costs: steps with it against steps without, in pairs.

Windows of `--every` steps of the flagship on a fixed batch, by turns without and with all the
training loop does for a line of the ledger. Beside the ratio of the windows there is what can be
told apart from the noise of a machine: the time the loop itself was kept from its steps, and the
processor time of the thread that takes the digests.

    python benchmarks/ledger.py --pairs=10
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
from gen_jax.train import loop

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
    step_fn, key_digest = loop.make_step(family, config), loop.make_key_digest(family, config)
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
            if step == flags.every - 1:
                first = {name: value[0] for name, value in metrics.items()}
                entries = {"content": partial(digest.digest, batch), "keys": key_digest(step)}
                entries["metrics"] = first
                ledger.record(step, parallel.unreplicate(state), entries)
            kept += time.perf_counter() - since
        jax.block_until_ready(state)
        if ledger is not None:
            ledger.wait()
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
    begin = time.process_time()
    digest.leaf_digests(initial)
    hashing = time.process_time() - begin
    quartiles = statistics.quantiles(ratios, n=4)
    print(f"{flags.config}, a line every {flags.every} steps; {len(leaves)} arrays, {size:.0f} MB")
    print(f"a window without: {without:.2f} s")
    print(f"with the ledger, ratio - 1: median {statistics.median(ratios):+.2%}", end=" ")
    print(f"(quartiles {quartiles[0]:+.2%}, {quartiles[2]:+.2%}; {flags.pairs} pairs)")
    print(f"the loop held up: median {statistics.median(held):.3%} of a window")
    print(f"processor time of the digests: {hashing:.3f} s, {hashing / without:.3%} of a window")


if __name__ == "__main__":
    main()
