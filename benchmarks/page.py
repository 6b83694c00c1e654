"""Writes docs/results/speed/README.md from the JSON files beside it.

python benchmarks/page.py
"""

import json
from pathlib import Path
from typing import Any

import overheads
import throughput

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "results" / "speed"
HEAD = """# Speed

Written by `python benchmarks/page.py` from the JSON files in this folder; what they mean is said in
[docs/speed.md](../../speed.md).
"""


def main() -> None:
    """One section a file, in the order of their names."""
    parts = [HEAD]
    for path in sorted(FOLDER.glob("*.json")):
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
        else:
            parts.append(
                f"Commit {result['commit']}, JAX {result['jax']}, {_machine(result)}, "
                f"{result['config']}.\n"
            )
            parts.append(overheads.table(result) + "\n")
    (FOLDER / "README.md").write_text("\n".join(parts))


def _machine(result: dict[str, Any]) -> str:
    name = result.get("processor")  # files of before it was recorded have none
    return f"{result['processors']} processors" + (f" ({name})" if name else "")


if __name__ == "__main__":
    main()
