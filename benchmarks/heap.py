"""What it saves a training on a CPU that freed memory stays in the process (`core/heap.py`).

python benchmarks/heap.py [--models=vae_cifar10,dcgan_cifar10,cvae_gan_cifar100]

The same step with and without, each in a process of its own, windows in turn; without is glibc's
default, which a variable of no effect (`MALLOC_PERTURB_=0`) asks for. Linux with glibc.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

import sides

HERE = Path(__file__).resolve().parent
MODELS = "vae_cifar10,dcgan_cifar10,cvae_gan_cifar100"


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description="memory kept between steps, and not")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a window")
    parser.add_argument("--windows", type=int, default=7)
    flags = parser.parse_args()
    print("| model | glibc's default, ms a step | kept | faster by |\n| --- | --- | --- | --- |")
    for model in flags.models.split(","):
        request = {"root": str(HERE.parent), "config": model, "overrides": []}
        command = [sys.executable, str(HERE / "train_gen_jax.py"), json.dumps(request)]
        with (
            sides.Side(command, {"MALLOC_PERTURB_": "0"}) as default,
            sides.Side(command) as kept,
        ):
            running = {"default": default, "kept": kept}
            times = sides.interleaved(running, flags.seconds, flags.windows)
        ratio = sides.ratio(times, "kept", "default")
        before, after = (1e3 * statistics.median(times[name]) for name in running)
        print(
            f"| {model} | {before:.1f} | {after:.1f} | {ratio['median']:.2f} "
            f"({ratio['low']:.2f} to {ratio['high']:.2f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
