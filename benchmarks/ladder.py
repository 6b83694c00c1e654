"""Do the metrics of sample quality get worse where they should? A ladder of spoilt test images.

Test images of a data set stand in for samples: as they are (the floor), then with noise, blurred,
with classes dropped, and as a collapsed generator would give them. Each is held against training
images by `evals.fidelity`, through Inception-v3 or a classifier trained here.

    python benchmarks/ladder.py --data=cifar10 --inception=WEIGHTS.npz --out=ladder.json
    python benchmarks/ladder.py --data=cifar10 --inception=WEIGHTS.npz --count=10000 --steps=1
    python benchmarks/ladder.py --data=mnist --judge=runs/judge_mnist/classifier.npz

The second is the floor alone, of all test images.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gen_jax import config as configs
from gen_jax import data
from gen_jax.errors import UserError
from gen_jax.evals import fidelity_names, fidelity_numbers, real_features
from gen_jax.features import extractor
from gen_jax.train.workdir import code_version

Step = tuple[str, np.ndarray, np.ndarray]


def ladder(images: np.ndarray, labels: np.ndarray, seed: int) -> Iterator[Step]:
    """(what was done, images uint8, labels) from untouched to collapsed."""
    rng = np.random.default_rng(seed)
    yield "as they are", images, labels
    for sigma in (8, 24):
        noisy = images + rng.normal(0, sigma, images.shape)
        yield f"noise of {sigma} in 255", np.clip(np.rint(noisy), 0, 255).astype(np.uint8), labels
    for sigma in (0.5, 1.0):
        blurred = gaussian_filter(images.astype(np.float64), (0, sigma, sigma, 0))
        yield f"blur of {sigma} pixels", np.rint(blurred).astype(np.uint8), labels
    names = np.unique(labels)
    for kept in (len(names) // 2, 1):
        chosen = np.resize(np.flatnonzero(np.isin(labels, names[:kept])), len(images))
        yield f"{kept} of {len(names)} classes", images[chosen], labels[chosen]
    few = np.resize(np.arange(min(20, len(images))), len(images))
    yield "20 images over and over", images[few], labels[few]


def main() -> None:
    """Prints a table; writes the numbers with their protocol to --out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="name of the data set")
    parser.add_argument("--count", type=int, default=2500, help="test images a step")
    parser.add_argument("--steps", type=int, help="the first so many of the ladder")
    parser.add_argument("--reals", type=int, default=10_000, help="training images")
    parser.add_argument("--inception", help="weights of Inception-v3")
    parser.add_argument("--taps", default="768,2048", help="taps of Inception-v3")
    parser.add_argument("--judge", help="a run's classifier.npz")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--cache", default=None, help='as eval.cache; "" for nowhere')
    parser.add_argument("--out", type=Path, help="JSON file")
    flags = parser.parse_args()
    if bool(flags.inception) == bool(flags.judge):
        parser.error("one of --inception and --judge")
    config = configs.override(configs.base(), [f"data.name={flags.data}"])
    train, test = (data.load(config.data, split) for split in ("train", "test"))
    seer = (
        extractor.of_inception(flags.inception, flags.taps.split(","))
        if flags.inception
        else extractor.of_classifier(flags.judge, test.spec)
    )
    least = max(seer.taps[tap] for tap in fidelity_names.distances(seer.taps))
    if min(flags.count, flags.reals, len(test)) < least:
        raise UserError(f"--count, --reals: features have {least} dimensions; take more images")
    cache = real_features.cache_folder(flags.cache)
    real, digest = real_features.of_split(seer, train, flags.reals, cache, "real train")
    reference = fidelity_numbers.Side(real, train.labels[: flags.reals])
    batch = test.gather(np.arange(min(flags.count, len(test))))
    rows = {}
    steps = ladder(batch["image"], batch["label"], flags.seed)
    for what, images, labels in itertools.islice(steps, flags.steps):
        found = real_features.watched(seer, iter([images]), len(images), what)
        with threadpool_limits(limits=1, user_api="blas"):
            side = fidelity_numbers.Side(found, labels)
            values, errors = fidelity_numbers.compare(
                seer, reference, side, flags.seed, allow_few=False
            )
        rows[what] = {"values": values, "errors": errors}
        print(what, *(f"{name} {value:.4g}" for name, value in values.items()), sep="  ")
    if flags.out:
        protocol = {
            **seer.protocol,
            "data": flags.data,
            "num_real": len(next(iter(real.values()))),
            "num_fake": len(batch["image"]),
            "real_sha256": digest,
            "absent": dict(seer.absent),
            "seed": flags.seed,
            **code_version(),
        }
        flags.out.write_text(json.dumps({"protocol": protocol, "ladder": rows}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
