"""`audit/examples.npz`: a fingerprint of every image of a run, to name one that changed."""

import io
from pathlib import Path

import numpy as np

from gen_jax.core import npz
from gen_jax.core.files import write_bytes

FILE = Path("audit") / "examples.npz"


def write(workdir: Path, prints: dict[str, np.ndarray]) -> None:
    """Writes the fingerprints [N] of each split, unless there are none or the file is there."""
    if prints and not (workdir / FILE).exists():
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **prints)
        write_bytes(workdir / FILE, buffer.getvalue())


def read(workdir: Path) -> dict[str, np.ndarray]:
    """What `write` wrote; empty where that cannot be read."""
    try:
        return npz.read(workdir / FILE)
    except (OSError, ValueError):
        return {}
