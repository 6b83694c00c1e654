"""Evaluations by name, each a function of a `Model`; `write` runs them into `evals/`."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gen_jax.core.files import write_bytes
from gen_jax.evals import figures, latents, reconstruction, samples, yardsticks
from gen_jax.evals.model import Model, Result


class Evaluation(NamedTuple):
    """What to call, and the functions of a family it cannot do without."""

    evaluate: Callable[[Model], Result]
    needs: tuple[str, ...] = ()


EVALS = {
    "reconstruction": Evaluation(reconstruction.evaluate, needs=("metrics",)),
    "yardsticks": Evaluation(yardsticks.evaluate, needs=("encode", "decode")),
    "latents": Evaluation(latents.evaluate, needs=("encode",)),
    "samples": Evaluation(samples.evaluate, needs=("encode", "decode", "sample")),
}


def write(model: Model, folder: Path, config_digest: str) -> dict[str, Result]:
    """Runs the evaluations the family and the config allow; writes NAME.json each, figures.npz."""
    results = {}
    for name, (evaluate, needs) in EVALS.items():
        able = all(getattr(model.family, function) is not None for function in needs)
        if not able or (name == "yardsticks" and not model.config.eval.pca):
            continue
        result = results[name] = evaluate(model)
        content = {
            "name": name,
            "step": model.step,
            "split": "test",
            "num_examples": result.protocol.get("num_examples", len(model.test)),
            "values": result.values,
            "units": result.units,
            "protocol": result.protocol
            | {"config_digest": config_digest, "ema_decay": model.config.ema_decay},
        }
        content |= {"verdict": result.verdict} if result.verdict else {}
        write_bytes(
            folder / f"{name}.json",
            (json.dumps(content, indent=1, allow_nan=False) + "\n").encode(),
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **figures.arrays(model))
    write_bytes(folder / "figures.npz", buffer.getvalue())
    return results
