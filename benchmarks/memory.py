"""What the metrics of sample quality hold in memory: 50,000 real examples against 10,000 samples.

    python benchmarks/memory.py [--real 50000] [--fake 10000]

Random feature vectors first, then random images that come in blocks through a small network; of
each the peak of the resident set beyond what the process held when the network had run once. All
that `evals.fidelity` does is done: Frechet and kernel distances, precision, recall, density,
coverage, nearest neighbours.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from gen_jax.evals import fidelity_numbers
from gen_jax.features.extractor import Extractor, Features
from gen_jax.metrics import neighbours
from gen_jax.train import memory

BLOCK = 500


def random_features(count: int, dimensions: int, seed: int) -> np.ndarray:
    """float32 [count, dimensions]."""
    return np.random.default_rng(seed).standard_normal((count, dimensions), dtype=np.float32)


def random_images(count: int, seed: int) -> Iterator[np.ndarray]:
    """uint8 [n, 32, 32, 3], `BLOCK` at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        yield rng.integers(0, 256, (min(BLOCK, count - start), 32, 32, 3), dtype=np.uint8)


def small_network() -> Callable[[Iterator[np.ndarray]], np.ndarray]:
    """192 features of images, by one convolution that nothing taught."""
    import jax
    import jax.numpy as jnp

    kernel = jax.random.normal(jax.random.key(0), (4, 4, 3, 192)) / 7

    @jax.jit
    def features(images):
        window, strides, order = kernel, (4, 4), ("NHWC", "HWIO", "NHWC")
        maps = jax.lax.conv_general_dilated(
            images.astype(jnp.float32) / 128 - 1, window, strides, "SAME", dimension_numbers=order
        )
        return jnp.mean(jax.nn.relu(maps), axis=(1, 2))

    return lambda blocks: np.concatenate([np.asarray(features(block)) for block in blocks])


def judged(real: Features, fake: Features) -> None:
    """As `evals.fidelity` judges."""
    (tap,) = real
    seer = Extractor("inception", {tap: real[tap].shape[1]}, {}, {}, lambda *_: {})
    with threadpool_limits(limits=1, user_api="blas"):
        sides = (fidelity_numbers.Side(real, None), fidelity_numbers.Side(fake, None))
        fidelity_numbers.compare(seer, *sides, seed=0, allow_few=False)
        neighbours.memorisation(fake[tap], real[tap], fake[tap][: len(fake[tap]) // 2])


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--real", type=int, default=50_000)
    parser.add_argument("--fake", type=int, default=10_000)
    flags = parser.parse_args()
    network = small_network()
    network(random_images(BLOCK, 0))
    judged(*({"768": random_features(1000, 768, seed)} for seed in (0, 1)))
    before = memory.peaks()["memory/host"]
    print(f"{flags.real} against {flags.fake}; {before:.2f} GiB with a network that has run\n")
    print("| what | held by the features | peak beyond the network's | minutes |")
    print("| --- | --- | --- | --- |")
    for what in ("images, 192 features", "2,048 features"):
        start = time.perf_counter()
        if what.startswith("images"):
            real, fake = (
                {"192": network(random_images(count, seed))}
                for seed, count in enumerate((flags.real, flags.fake))
            )
        else:
            real, fake = (
                {"2048": random_features(count, 2048, seed)}
                for seed, count in enumerate((flags.real, flags.fake))
            )
        judged(real, fake)
        held = sum(array.nbytes for side in (real, fake) for array in side.values()) / 1024**3
        beyond = memory.peaks()["memory/host"] - before
        minutes = (time.perf_counter() - start) / 60
        print(f"| {what} | {held:.2f} GiB | {beyond:.2f} GiB | {minutes:.1f} |", flush=True)


if __name__ == "__main__":
    main()
