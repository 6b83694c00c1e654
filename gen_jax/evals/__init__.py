"""Evaluations by name, each a function of a `Model`; `write` runs them into `evals/`."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gen_jax.core.files import write_bytes
from gen_jax.evals import (
    anomaly,
    augmentation,
    cas,
    classified,
    denoising,
    discrimination,
    disentanglement,
    dynamics,
    ex_post,
    feature_svm,
    fidelity,
    figures,
    inversion,
    latents,
    modes,
    nll,
    probe,
    reconstruction,
    samples,
    similarity,
    yardsticks,
)
from gen_jax.evals.model import Model, Result
from gen_jax.train.workdir import code_version


class Evaluation(NamedTuple):
    """What to call, and the functions of a family it cannot do without.

    It returns None where the config or the data give it nothing to evaluate. One that `concludes`
    is also given the results of those before it.
    """

    evaluate: Callable[..., Result | None]
    needs: tuple[str, ...] = ()
    concludes: bool = False


EVALS = {
    "reconstruction": Evaluation(reconstruction.evaluate, needs=("metrics",)),
    "yardsticks": Evaluation(yardsticks.evaluate, needs=("encode", "decode")),
    "nll": Evaluation(nll.evaluate, needs=("encode", "log_px")),
    "latents": Evaluation(latents.evaluate, needs=("encode",)),
    "probe": Evaluation(probe.evaluate, needs=("encode",)),
    "disentanglement": Evaluation(disentanglement.evaluate, needs=("encode",)),
    "anomaly": Evaluation(anomaly.evaluate, needs=("metrics",)),
    "denoising": Evaluation(denoising.evaluate, needs=("encode", "decode")),
    "samples": Evaluation(samples.evaluate, needs=("sample",)),
    "similarity": Evaluation(similarity.evaluate),
    "inception": Evaluation(fidelity.through_inception, needs=("sample",)),
    "fd_classifier": Evaluation(fidelity.through_classifier, needs=("sample",)),
    "ex_post": Evaluation(ex_post.evaluate, needs=("encode", "decode")),
    "cas": Evaluation(cas.evaluate, needs=("sample",)),
    "augmentation": Evaluation(augmentation.evaluate, needs=("sample",)),
    "discrimination": Evaluation(discrimination.evaluate, needs=("metrics", "sample")),
    "modes": Evaluation(modes.evaluate, needs=("sample",)),
    "classified": Evaluation(classified.evaluate, needs=("sample",)),
    "inversion": Evaluation(inversion.evaluate, needs=("prior", "decode")),
    "feature_svm": Evaluation(feature_svm.evaluate, needs=("features",)),
    "dynamics": Evaluation(dynamics.evaluate, needs=("metrics", "sample"), concludes=True),
}


def _trained_on(model: Model) -> dict[str, list]:
    """Classes trained on where the test set has others: its averages are over both."""
    chosen = list(model.config.data.train_classes)
    return {"train_classes": chosen} if chosen else {}


def write(model: Model, folder: Path, config_digest: str) -> dict[str, Result]:
    """Runs the evaluations the family and the config allow; writes NAME.json each, figures.npz.

    figures.npz holds the arrays of the figures and of every evaluation. A NAME.json that an earlier
    evaluation of the workdir left, and this one does not write, is removed: it is of another state.
    Nothing is written before everything is known, lest an evaluation that is stopped leave files of
    two states side by side.
    """
    results: dict[str, Result] = {}
    for name in EVALS:
        result = _evaluate(name, model, results)
        if result is not None:
            results[name] = result
    arrays: dict[str, np.ndarray] = {}
    drawn = figures.arrays(model)
    code = code_version()
    for name in EVALS.keys() - results.keys():
        (folder / f"{name}.json").unlink(missing_ok=True)
    for name, result in results.items():
        arrays |= result.arrays
        content = {
            "name": name,
            "step": model.step,
            "split": result.protocol.get("split", "test"),
            "num_examples": result.protocol.get("num_examples", len(model.test)),
            "values": result.values,
            "errors": dict(result.errors),
            "units": result.units,
            "protocol": result.protocol
            | {"config_digest": config_digest, "ema_decay": model.config.ema_decay}
            | code
            | _trained_on(model),
        }
        content |= {"verdict": result.verdict} if result.verdict else {}
        write_bytes(
            folder / f"{name}.json",
            (json.dumps(content, indent=1, allow_nan=False) + "\n").encode(),
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **drawn, **arrays)
    write_bytes(folder / "figures.npz", buffer.getvalue())
    return results


def _evaluate(name: str, model: Model, earlier: dict[str, Result]) -> Result | None:
    evaluate, needs, concludes = EVALS[name]
    able = all(getattr(model.family, function) is not None for function in needs)
    if not able or (name == "yardsticks" and not model.config.eval.pca):
        return None
    return evaluate(model, earlier) if concludes else evaluate(model)
