"""All measurements of speed, and the page of them, by one command.

    python benchmarks/measure.py --output=runs/speed

Throughput against PyTorch (`throughput.py`), what a training costs beside its steps
(`overheads.py`) and seeds in one program (`seeds.py`), each into a JSON file of its own, with a
page beside them (`page.py`). On a CPU most of the time is SNGAN's, whose step takes up to a minute.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import page

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Runs one after the other."""
    parser = argparse.ArgumentParser(description="measure speed, and write the page of it")
    parser.add_argument("--output", type=Path, default=Path("runs/speed"), help="a folder")
    parser.add_argument("--torch", default=sys.executable, help="the Python that has PyTorch")
    parser.add_argument("--batch", default="128", help="batch sizes, commas between")
    parser.add_argument("--modes", default="eager,compile", help="of PyTorch")
    flags = parser.parse_args()
    against = [f"--torch={flags.torch}", f"--batch={flags.batch}", f"--modes={flags.modes}"]
    for name, options in (("overheads", []), ("seeds", []), ("throughput", against)):
        output = f"--output={flags.output / name}.json"
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), *options, output], check=True)
    page.write(flags.output)


if __name__ == "__main__":
    main()
