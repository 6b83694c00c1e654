"""Writes README.md from the JSON files beside it, by default of docs/results/speed.

python benchmarks/page.py [FOLDER]
"""

import json
import sys
from pathlib import Path
from typing import Any

import overheads
import seeds
import throughput

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "results" / "speed"
HEAD = """# Speed

Written by `python benchmarks/page.py` from the JSON files in this folder; what they mean is said in
[docs/speed.md](../../speed.md).
"""


def write(folder: Path) -> None:
    """Writes the page of a folder into it."""
    (folder / "README.md").write_text(text(folder))


def text(folder: Path) -> str:
    """One section a file, in the order of their names."""
    parts = [HEAD]
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        parts.append(f"## {path.stem.replace('_', ' ')}\n\n```bash\n{result['command']}\n```\n")
        if "measured" in result:
            about = result["measured"][0]["about"]
            versions = [f"JAX {about[throughput.GEN_JAX]['jax']}"]
            versions += sorted(
                {f"PyTorch {each['torch']}" for each in about.values() if "torch" in each}
            )
            rates = ", ".join(f"{name} {rate:.0f}" for name, rate in result["gflops"].items())
            parts.append(
                f"Commit {result['commit']}, {', '.join(versions)}, {_machine(result)}; "
                f"GFLOP/s: {rates}.\n"
            )
            parts.append(throughput.table(result["measured"], result["gflops"]) + "\n")
        elif "seeds" in result:
            about = next(iter(result["seeds"]["about"].values()))
            parts.append(
                f"Commit {result['commit']}, JAX {about['jax']}, {_machine(result)}, "
                f"{about['device']}, {result['config']}.\n"
            )
            parts.append(seeds.table(result["seeds"]) + "\n")
        else:
            parts.append(
                f"Commit {result['commit']}, JAX {result['jax']}, {_machine(result)}, "
                f"{result['config']}.\n"
            )
            parts.append(overheads.table(result) + "\n")
    return "\n".join(parts)


def _machine(result: dict[str, Any]) -> str:
    name = result.get("processor")  # files of before it was recorded have none
    return f"{result['processors']} processors" + (f" ({name})" if name else "")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
