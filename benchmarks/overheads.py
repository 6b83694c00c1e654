"""What a training costs beside its steps.

    python benchmarks/overheads.py --config=cvae_gan_cifar100 --output=runs/overheads.json

- input: a step on the batches of the data set, prepared by the prefetching thread, over a step on
  one batch that stays; windows in turn, now the one first and now the other, one process.
- checkpoints: seconds the loop waits for one to be started, over the time between two.
- start: from the start of `run.py` to its first line of metrics, that of the first step; with
  nothing kept of an earlier one (compiled programs, decoded images), and again; median of several.
- devices: a step on 2, 4 and 8 virtual devices over a step on one, the same batch and processors;
  windows in turn. And eight steps of an eighth of the batch on one device, which do what eight
  devices do (small convolutions, eight updates of the parameters) but one after the other. And the
  FLOPs of all devices, counted from the compiled programs, over those of one.
- evaluation: images a second of `Family.metrics` over the test set and of samples drawn, as
  evaluations call them; the best of several.

Data must be prepared (TFDS_DATA_DIR, --set data.dir=...), or `shapes`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

import jax  # noqa: E402
import numpy as np  # noqa: E402
import sides  # noqa: E402

from gen_jax import config as configs  # noqa: E402
from gen_jax import data  # noqa: E402
from gen_jax.core import keys, parallel, xla  # noqa: E402
from gen_jax.data.batches import Batch, Batches  # noqa: E402
from gen_jax.evals.model import Model  # noqa: E402
from gen_jax.families import FAMILIES  # noqa: E402
from gen_jax.train import steps  # noqa: E402
from gen_jax.train.checkpoints import Checkpoints  # noqa: E402

DEVICES = (1, 2, 4, 8)
ONE_OF = "one of the most"
"""The side that does what one of the most devices does, alone."""
EVALUATED = {"metrics": "test images, every term of the objective", "samples": "samples drawn"}


def in_process(name: str, settings: list[str], seconds: float, windows: int) -> dict[str, Any]:
    """Input and checkpoints."""
    config = configs.override(configs.load(ROOT / "configs" / f"{name}.py"), settings)
    split = data.load(config.data, "train")
    family = FAMILIES[config.family](config, split.spec)
    state = parallel.replicate(jax.jit(family.init)(keys.stream(config.seed, "init")))
    step = steps.Step(family, config)
    batches = Batches(split, config.batch_size, config.seed, config.data.flip, family.draws)
    fixed = parallel.shard(batches.batch(0), axis=1)

    def stays() -> Iterator[Any]:
        while True:
            yield fixed

    def window(source: Iterator[Any], count: int) -> float:
        nonlocal state
        start = time.perf_counter()
        for _ in range(count):
            state, metrics = step(state, next(source))
        jax.block_until_ready((state, metrics))
        return (time.perf_counter() - start) / count

    def real() -> Iterator[Batch]:
        for _, batch in batches.prefetch(0, 10**9):
            yield parallel.shard(batch, axis=1)

    sources = {"fixed": stays(), "real": real()}
    for source in sources.values():
        window(source, 3)
    count = max(2, round(seconds / window(sources["fixed"], 2)))
    times: dict[str, list[float]] = {each: [] for each in sources}
    for turn in range(windows):
        # Whatever drifts favours neither.
        for each in list(sources)[:: 1 if turn % 2 else -1]:
            window(sources[each], 2)  # what the thread prepared meanwhile
            times[each].append(window(sources[each], count))
    alone = time.perf_counter()
    for index in range(20):
        batches.batch(index)
    images = 20 * config.batch_size * family.draws / (time.perf_counter() - alone)
    stalls = []
    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder) / "c") as saved:
        for index in range(5):
            window(sources["fixed"], 2)
            start = time.perf_counter()
            saved.save(index, parallel.unreplicate(state), {})
            stalls.append(time.perf_counter() - start)
            saved.wait()
    between = config.checkpoint_every * statistics.median(times["fixed"])
    return {
        "input": {
            "seconds": times,
            "images_per_second_alone": images,
        },
        "checkpoints": {
            "stall_seconds": statistics.median(stalls),
            "every": config.checkpoint_every,
            "share": statistics.median(stalls) / between,
        },
    }


def evaluation(name: str, settings: list[str], repeats: int = 3) -> dict[str, float]:
    """Images a second of what evaluations spend their time on, where the family has it."""
    config = configs.override(configs.load(ROOT / "configs" / f"{name}.py"), settings)
    train, test = data.load(config.data, "train"), data.load(config.data, "test")
    family = FAMILIES[config.family](config, test.spec)
    state = jax.jit(family.init)(keys.stream(config.seed, "init"))
    model = Model(family, state, config, train, test, 0)
    count = min(len(test), 8 * config.eval.batch_size)
    labels = np.arange(count, dtype=np.int32) % test.spec.num_classes
    asked = {"metrics": lambda: model.metrics(count), "samples": lambda: model.sample(labels)}
    found = {}
    for each, function in asked.items():
        if each == "samples" and family.sample is None:
            continue
        function()  # compiles
        times = []
        for _ in range(repeats):
            begun = time.perf_counter()
            function()
            times.append(time.perf_counter() - begun)
        found[each] = count / min(times)
    return found


def start(name: str, settings: list[str], times: int) -> dict[str, list[float]]:
    """Seconds from the start of a process to the end of its first step, cold and warm."""
    found: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
            environment["XDG_CACHE_HOME"] = folder
            for kind, seconds in found.items():
                seconds.append(_started(name, settings, environment, Path(folder) / kind))
    return found


def _started(name: str, settings: list[str], environment: dict[str, str], workdir: Path) -> float:
    """Seconds to the first step of a run, which is then killed."""
    command = [
        sys.executable,
        str(ROOT / "run.py"),
        f"--config={ROOT / 'configs' / name}.py",
        f"--workdir={workdir}",
        "--config.log_every=1",
        "--config.num_steps=1000",
        *(f"--config.{each}" for each in settings),
    ]
    begun = time.time()
    run = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    metrics = workdir / "metrics.jsonl"
    while not (metrics.is_file() and "\n" in metrics.read_text()) and run.poll() is None:
        time.sleep(0.05)
    first = metrics.read_text().splitlines()[0] if metrics.is_file() else "{}"
    run.kill()
    run.wait()
    wall = json.loads(first).get("wall")
    if wall is None:
        raise RuntimeError(f"{' '.join(command)} logged nothing")
    return wall - begun


def devices(name: str, settings: list[str], seconds: float, windows: int) -> dict[str, Any]:
    """A step on several virtual devices over a step on one: time, and arithmetic."""
    running: dict[str, sides.Side] = {}
    batch = configs.override(configs.load(ROOT / "configs" / f"{name}.py"), settings).batch_size
    most = DEVICES[-1]
    asked = {str(count): (count, batch) for count in DEVICES} | {ONE_OF: (1, batch // most)}
    try:
        for side, (count, images) in asked.items():
            flags = f"{os.environ.get('XLA_FLAGS', '')} "
            flags += f"--xla_force_host_platform_device_count={count}"
            overrides = [*settings, f"batch_size={images}"]
            request = {"root": str(ROOT), "config": name, "overrides": overrides}
            running[side] = sides.Side(
                [sys.executable, str(HERE / "train_gen_jax.py"), json.dumps(request)],
                {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"},
            )
        times = sides.interleaved(running, seconds, windows)
        flops = {count: count * running[str(count)].about["flops"] for count in DEVICES}
    finally:
        for side in running.values():
            side.__exit__()
    return {
        "seconds": times,
        "work": {str(count): flops[count] / flops[1] for count in DEVICES[1:]},
    }


def table(result: dict[str, Any]) -> str:
    """A Markdown table of what was measured."""
    lines = ["| what | measured |", "| --- | --- |"]
    for kind, spent in result.get("start", {}).items():
        middle, low, high = statistics.median(spent), min(spent), max(spent)
        lines.append(f"| start to first step, {kind} | {middle:.1f} s ({low:.1f} to {high:.1f}) |")
    if "input" in result:
        saved = result["checkpoints"]
        ratio = sides.ratio(result["input"]["seconds"], "fixed", "real")
        lines += [
            f"| real data over a fixed batch | {_ratio(ratio)} |",
            f"| batches alone, images/s | {result['input']['images_per_second_alone']:.0f} |",
            f"| a checkpoint's stall | {saved['stall_seconds']:.3f} s, "
            f"{100 * saved['share']:.2f} % at one in {saved['every']} steps |",
        ]
    if "devices" in result:  # how many times as long as on one
        times, most = result["devices"]["seconds"], DEVICES[-1]
        for count in DEVICES[1:]:
            ratio = sides.ratio(times, "1", str(count))
            lines.append(f"| {count} virtual devices over one | {_ratio(ratio)} |")
        turns = {"1": times["1"], "turns": [most * spent for spent in times[ONE_OF]]}
        lines.append(
            f"| {most} steps of 1/{most} of the batch, one device, over one step "
            f"| {_ratio(sides.ratio(turns, '1', 'turns'))} |"
        )
    for count, ratio in result.get("devices", {}).get("work", {}).items():
        lines.append(f"| FLOPs of {count} virtual devices over those of one | {ratio:.3f} |")
    for name, rate in result.get("evaluation", {}).items():
        lines.append(f"| {EVALUATED[name]}, images/s | {rate:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, prints a Markdown table, writes JSON."""
    parser = argparse.ArgumentParser(description="what a training costs beside its steps")
    parser.add_argument("--config", default="cvae_gan_cifar100", help="a name in configs/")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the config")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a window")
    parser.add_argument("--windows", type=int, default=7)
    parser.add_argument("--starts", type=int, default=3, help="of a run, cold and warm")
    parser.add_argument("--only", default="start,input,devices,evaluation")
    parser.add_argument("--output", help="a JSON file")
    flags = parser.parse_args()
    xla.prepare()
    only = flags.only.split(",")
    result: dict[str, Any] = {"config": flags.config, "jax": jax.__version__}
    if "start" in only:
        result["start"] = start(flags.config, flags.set, flags.starts)
    if "input" in only:
        result |= in_process(flags.config, flags.set, flags.seconds, flags.windows)
    if "devices" in only:
        result["devices"] = devices(flags.config, flags.set, flags.seconds, flags.windows)
    if "evaluation" in only:
        result["evaluation"] = evaluation(flags.config, flags.set)
    print(table(result))
    if flags.output:
        sides.write(flags.output, "overheads.py", result)


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"


if __name__ == "__main__":
    main()
