"""What a training does beside its steps: pictures, evaluations, a watch on diversity."""

from pathlib import Path

import numpy as np

from gen_jax.core.state import TrainState
from gen_jax.evals import discrimination, diversity, fidelity_curve, probe, reconstruction
from gen_jax.evals.figures import class_grid
from gen_jax.evals.model import Model
from gen_jax.report import images, points
from gen_jax.train.loop import Hooks

POINTS = 1000
"""Points drawn in a picture, where the data are points in the plane."""


def make(model: Model, workdir: Path) -> Hooks:
    """Hooks for the training of a model, whose own state is not looked at.

    Diversity is measured of families that have no encoder. A posterior that ignores the image, or
    a KL of zero, tells of the collapse of the others.
    """
    family, config, spec = model.family, model.config, model.test.spec
    watched = family.sample is not None and family.encode is None
    real = diversity.reference(model) if watched else None
    distances = fidelity_curve.make(model)

    def at(state: TrainState, step: int) -> Model:
        return model._replace(state=state, step=step)

    def sample(state: TrainState, step: int) -> None:
        if family.sample is None:
            return
        if spec.modes:
            labels = np.resize(np.arange(spec.num_classes, dtype=np.int32), POINTS)
            drawn = at(state, step).sample(labels).reshape(-1, 2)
            picture = points.picture(drawn, np.array(spec.modes))
        else:
            rows = np.arange(min(config.eval.grid_rows, spec.num_classes))
            picture = images.grid(class_grid(at(state, step), rows, config.eval.grid_columns))
        images.save_png(workdir / "samples" / f"step_{step:08}.png", picture)

    def evaluate(state: TrainState, step: int) -> dict[str, float]:
        now, count = at(state, step), config.eval.examples
        result = discrimination.evaluate(now, count) or reconstruction.evaluate(now, count)
        values = dict(result.values) if result else {}
        if config.eval.probe_during and family.encode is not None:
            probed = probe.evaluate(now)
            values |= {"probe_accuracy": probed.values["probe_accuracy"]} if probed else {}
        return values | (distances(now) if distances else {})

    def diagnose(state: TrainState, step: int) -> dict[str, float]:
        return {} if real is None else diversity.measure(at(state, step), real)

    return Hooks(sample, evaluate, diagnose)
