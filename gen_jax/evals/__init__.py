"""Evaluations by name, each a function of a `Model`; `write` runs them into a workdir's `evals/`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gen_jax.core.files import write_bytes
from gen_jax.evals import figures, latents, reconstruction, samples, yardsticks
from gen_jax.evals.model import Model, Result

EVALS: dict[str, Callable[[Model], Result]] = {
    "reconstruction": reconstruction.evaluate,
    "yardsticks": yardsticks.evaluate,
    "latents": latents.evaluate,
    "samples": samples.evaluate,
}


def write(model: Model, folder: Path, config_digest: str) -> dict[str, Result]:
    """Runs every evaluation the config asks for; writes NAME.json each, and figures.npz."""
    results = {}
    for name, evaluate in EVALS.items():
        if name == "yardsticks" and not model.config.eval.pca:
            continue
        result = results[name] = evaluate(model)
        protocol = result.protocol | {
            "config_digest": config_digest,
            "ema_decay": model.config.ema_decay,
        }
        content = {"name": name, "step": model.step, "split": "test"}
        content |= {"num_examples": protocol.get("num_examples", len(model.test))}
        content |= {"values": result.values, "units": result.units, "protocol": protocol}
        content |= {"verdict": result.verdict} if result.verdict else {}
        write_bytes(folder / f"{name}.json", json.dumps(content, indent=1).encode())
    np.savez_compressed(folder / "figures.npz", **figures.arrays(model))
    return results
