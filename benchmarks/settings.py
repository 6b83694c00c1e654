"""What the settings of a process are worth to a training on a CPU, one by one.

python benchmarks/settings.py --setting=heap [--models=vae_cifar10,dcgan_cifar10,cvae_gan_cifar100]

The same step with and without a setting, each in a process of its own, windows in turn.

- heap: freed memory stays in the process (`core/heap.py`). Without is glibc's default, which a
  variable of no effect asks for.
- emitters: XLA's older emitters of fusions (`core/xla.py`).
- level: LLVM's first level of optimisation instead of its third (`core/xla.py`).
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

import sides

HERE = Path(__file__).resolve().parent
MODELS = "vae_cifar10,dcgan_cifar10,cvae_gan_cifar100"
WITHOUT = {
    "heap": {"MALLOC_PERTURB_": "0"},
    "level": {"XLA_FLAGS": "--xla_backend_optimization_level=3"},
    "emitters": {"XLA_FLAGS": "--xla_cpu_use_fusion_emitters=true"},
}
"""Environments in which a setting is not ours."""


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description="what a setting of the process is worth")
    parser.add_argument("--setting", choices=WITHOUT, default="heap")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a window")
    parser.add_argument("--windows", type=int, default=7)
    flags = parser.parse_args()
    # Programs kept from elsewhere would compile in no time.
    fresh = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    print(
        f"| {flags.setting} | without, ms a step | with | faster by | step compiled, s | state, s |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for model in flags.models.split(","):
        request = {"root": str(HERE.parent), "config": model, "overrides": []}
        command = [sys.executable, str(HERE / "train_gen_jax.py"), json.dumps(request)]
        with (
            sides.Side(command, WITHOUT[flags.setting] | fresh) as without,
            sides.Side(command, fresh) as ours,
        ):
            running = {"without": without, "ours": ours}
            times = sides.interleaved(running, flags.seconds, flags.windows)
            about = [side.about for side in running.values()]
        ratio = sides.ratio(times, "ours", "without")
        before, after = (1e3 * statistics.median(times[name]) for name in running)
        print(
            f"| {model} | {before:.1f} | {after:.1f} | {ratio['median']:.2f} "
            f"({ratio['low']:.2f} to {ratio['high']:.2f}) "
            + "".join(
                f"| {about[0][key]:.1f} to {about[1][key]:.1f} "
                for key in ("compile_seconds", "init_seconds")
            )
            + "|",
            flush=True,
        )


if __name__ == "__main__":
    main()
