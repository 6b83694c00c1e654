"""What more runs in one program cost: seeds trained together against one.

    python benchmarks/seeds.py --config=dcgan_cifar10 --seeds=1,2,4,8 --output=runs/seeds.json

Every number of seeds is a process of its own (`train_seeds.py`); windows in turn. On a GPU or TPU
the runs are stacked in one program, on a CPU they take turns with one compiled step.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import sides  # noqa: E402


def measure(
    config: str, counts: list[int], settings: list[str], seconds: float, windows: int
) -> dict[str, Any]:
    """Seconds a step of all runs takes, and what each side said of itself, by number of seeds."""
    running: dict[str, sides.Side] = {}
    try:
        for count in counts:
            request = json.dumps({"config": config, "overrides": settings, "seeds": count})
            script = str(HERE / "train_seeds.py")
            running[str(count)] = sides.Side([sys.executable, script, request])
        times = sides.interleaved(running, seconds, windows)
        return {"seconds": times, "about": {name: side.about for name, side in running.items()}}
    finally:
        for side in running.values():
            side.__exit__()


def table(measured: dict[str, Any]) -> str:
    """A Markdown table: a row a number of seeds."""
    lines = [
        "| seeds in one program | ms a step of all | images/s | one run's images/s, times | GiB |",
        "| --- | --- | --- | --- | --- |",
    ]
    rates = {}
    for name, times in measured["seconds"].items():
        about, seconds = measured["about"][name], statistics.median(times)
        rates[name] = about["images"] / seconds
        more = rates[name] / next(iter(rates.values()))
        lines.append(
            f"| {name} | {1e3 * seconds:.1f} | {rates[name]:.0f} | {more:.2f} "
            f"| {sides.gibibytes(about['memory'])} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures, prints a Markdown table, writes JSON."""
    parser = argparse.ArgumentParser(description="seeds in one program against throughput")
    parser.add_argument("--config", default="dcgan_cifar10", help="a name in configs/")
    parser.add_argument("--seeds", default="1,2,4,8", help="how many, commas between")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the config")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a window")
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--output", help="a JSON file")
    flags = parser.parse_args()
    counts = [int(count) for count in flags.seeds.split(",")]
    measured = measure(flags.config, counts, flags.set, flags.seconds, flags.windows)
    print(table(measured))
    if flags.output:
        sides.write(flags.output, "seeds.py", {"config": flags.config, "seeds": measured})


if __name__ == "__main__":
    main()
