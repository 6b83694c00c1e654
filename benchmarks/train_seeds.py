"""A side of `seeds.py`: several runs of one config in one program, as `run.py` trains them.

Takes a JSON object: "config" (a name in configs/), "overrides" (of keys, as KEY=VALUE) and "seeds",
how many. Images are random and stay on the devices; a step of a side is one of every run.
"""

import json
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import jax  # noqa: E402
import numpy as np  # noqa: E402
import sides  # noqa: E402

from gen_jax import config as configs  # noqa: E402
from gen_jax.core import determinism, keys, xla  # noqa: E402
from gen_jax.data.batches import Batches  # noqa: E402
from gen_jax.data.spec import ArraySplit, DataSpec  # noqa: E402
from gen_jax.families import FAMILIES  # noqa: E402
from gen_jax.train import calls, memory, resident, steps  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 5_000
"""Of a data set that has no end of other keys: how many do not change what a step costs."""


def main() -> None:
    """Compiles, warms up, serves."""
    request = json.loads(sys.argv[1])
    xla.prepare()
    config = configs.load(ROOT / "configs" / f"{request['config']}.py")
    config = configs.override(config, request["overrides"])
    if config.deterministic:
        determinism.ask()
    classes = sides.NUM_CLASSES[config.data.name]
    names = tuple(map(str, range(classes)))
    spec = DataSpec(config.data.name, (32, 32, 3), classes, names, IMAGES)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, *spec.shape), np.uint8)
    split = ArraySplit(spec, images, rng.integers(0, classes, IMAGES).astype(np.int32))
    family = FAMILIES[config.family](config, spec)
    runs = []
    for seed in range(config.seed, config.seed + request["seeds"]):
        runs.append(config.copy_and_resolve_references())
        runs[-1].seed = seed
    init = jax.jit(family.init)
    program = steps.Together(family, runs, store=resident.store(split))
    state = program.join([jax.device_get(init(keys.stream(run.seed, "init"))) for run in runs])
    per_call = calls.steps_per_call(config)
    stream = (config.data.flip, family.draws)
    batches = []
    for run in runs:
        own = Batches(split, config.batch_size, run.seed, *stream)
        batches.append(calls.stacked([resident.picks(own, step) for step in range(per_call)]))

    def train(count: int) -> float:
        nonlocal state
        begun, called = time.perf_counter(), -(-count // per_call)
        for _ in range(called):
            state, metrics = program(state, batches)
        jax.block_until_ready((state, metrics))
        # The last call may have steps that were not asked for.
        return (time.perf_counter() - begun) * count / (called * per_call)

    train(2)
    about = {
        "images": config.batch_size * family.draws * len(runs),
        "memory": memory.peaks(),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
    }
    sides.serve(about, train)


if __name__ == "__main__":
    main()
