"""A side of `throughput.py`: the train step of a config as `run.py` compiles it, on a fixed batch.

Takes a JSON object: "root" (a checkout), "config" (a name in its configs/), "overrides" (of keys,
as KEY=VALUE) and "matmul" ("tf32", or by default "float32", of a GPU). Images are random. With
"program" it tells its compiled program as well.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

REQUEST = json.loads(sys.argv[1])
ROOT = Path(REQUEST["root"])
# The checkout's own package, whichever is installed.
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import sides  # noqa: E402

try:
    from gen_jax.core import xla

    xla.prepare()
except ImportError:  # an older checkout
    pass

from gen_jax import config as configs  # noqa: E402
from gen_jax.core import determinism, keys, parallel  # noqa: E402
from gen_jax.data.spec import DataSpec  # noqa: E402
from gen_jax.families import FAMILIES  # noqa: E402
from gen_jax.train import memory, steps  # noqa: E402

try:
    from gen_jax.train import calls
except ImportError:  # an older checkout
    calls = None  # type: ignore[assignment]


def main() -> None:
    """Compiles, warms up, serves."""
    config = configs.load(ROOT / "configs" / f"{REQUEST['config']}.py")
    config = configs.override(config, REQUEST["overrides"])
    if config.get("deterministic", False):
        determinism.ask()
    if REQUEST.get("matmul", "float32") == "float32":
        jax.config.update("jax_default_matmul_precision", "highest")
    classes = sides.NUM_CLASSES[config.data.name]
    names = tuple(map(str, range(classes)))
    spec = DataSpec(config.data.name, (32, 32, 3), classes, names, 50_000)
    family = FAMILIES[config.family](config, spec)
    start = time.perf_counter()
    state = jax.block_until_ready(jax.jit(family.init)(keys.stream(config.seed, "init")))
    init_seconds = time.perf_counter() - start
    parameters = {
        name: sum(leaf.size for leaf in jax.tree.leaves(net)) for name, net in state.params.items()
    }
    state = parallel.replicate(state)
    rng = np.random.default_rng(0)
    size = (family.draws, config.batch_size)
    batch = parallel.shard(
        {
            "image": rng.integers(0, 256, (*size, *spec.shape), np.uint8),
            "label": rng.integers(0, classes, size).astype(np.int32),
        },
        axis=1,
    )
    batch = jax.pmap(lambda leaf: leaf)(batch)  # as the peer's, on the device already
    step = steps.Step(family, config)
    start = time.perf_counter()
    compiled = (
        step.compiled(state, batch)
        if hasattr(step, "compiled")
        else step.lower(state, batch).compile()
    )
    compile_seconds = time.perf_counter() - start
    per_call = calls.steps_per_call(config) if calls else 1
    together: Any = steps.Together(family, [config], at_once=False) if per_call > 1 else None
    several = jax.tree.map(lambda leaf: jnp.stack([leaf] * per_call, axis=1), batch)
    cost = compiled.cost_analysis()
    flops = (cost if isinstance(cost, dict) else cost[0]).get("flops", 0.0)

    def run(count: int) -> float:
        nonlocal state
        begun = time.perf_counter()
        for _ in range(-(-count // per_call)):
            if together is None:
                state, metrics = step(state, batch)
            else:
                (state,), metrics = together([state], [several])
        jax.block_until_ready((state, metrics))
        # The last call may have steps that were not asked for.
        return (time.perf_counter() - begun) * count / (-(-count // per_call) * per_call)

    run(2)
    about = {
        "images": config.batch_size * family.draws,
        "parameters": parameters,
        "flops": flops,
        "compile_seconds": compile_seconds,
        "init_seconds": init_seconds,
        "memory": memory.peaks(),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "config": json.loads(config.to_json()),
    }
    if REQUEST.get("program"):
        about["program"] = compiled.as_text()
    sides.serve(about, run)


if __name__ == "__main__":
    main()
