"""What there is to see in the prior of a model that encodes nothing: walks between draws, codes."""

import numpy as np

from gen_jax.evals.figures import paths
from gen_jax.evals.figures.codes import Request, decode_all, prior
from gen_jax.evals.model import Model

WALKS = 6
CODE_ROWS = 8
CODE_VALUES = np.linspace(-2, 2, 10, dtype=np.float32)
"""Of a continuous code: twice as far as it was trained, as in figure 2 of Chen et al. (2016)."""


def arrays(model: Model) -> dict[str, np.ndarray]:
    """The arrays of `walks` and `codes`, decoded in one go."""
    requests, found = walks(model)
    requests |= codes(model)
    if model.config.codes.continuous:
        found["codes_values"] = CODE_VALUES
    return found | decode_all(model, requests)


def walks(model: Model) -> tuple[dict[str, Request], dict[str, np.ndarray]]:
    """Both paths between two draws of the prior, WALKS rows of `paths.POINTS`.

    They are "walk", straight, and "walk_spherical", on a great circle [rows, POINTS, H, W, C]. The
    noise alone walks: InfoGAN's codes are held at the first end's, since between two one-hot codes
    lies nothing that the generator has ever seen.

    Returns:
      The requests and, if the networks are told a class, "walk_labels" int32 [rows]: each row's.
    """
    classes, noise = _classes(model, WALKS), model.config.z_dim
    ends = prior(model, np.repeat(classes, 2)).reshape(WALKS, 2, -1)
    position = np.linspace(0, 1, paths.POINTS, dtype=np.float32)
    held = np.repeat(ends[:, :1, noise:], len(position), axis=1)
    labels = np.repeat(classes[:, None], len(position), axis=1)
    requests = {
        name: Request(np.concatenate([path(ends[..., :noise], position), held], axis=-1), labels)
        for name, path in {"walk": paths.linear, "walk_spherical": paths.spherical}.items()
    }
    return requests, {"walk_labels": classes} if model.config.conditional else {}


def codes(model: Model) -> dict[str, Request]:
    """InfoGAN's codes moved, the rest of z held at a draw of the prior.

    "codes_categorical" [CODE_ROWS, K, H, W, C] has a value of the categorical code a column and
    another draw a row; "codes_continuous" [codes, 10, H, W, C] has a continuous code a row, set to
    each of CODE_VALUES in turn, and the same draw everywhere. Either is only there with such codes.
    """
    values, continuous = model.config.codes.categorical, model.config.codes.continuous
    if not values and not continuous:
        return {}
    first, requests = model.config.z_dim, {}
    classes = _classes(model, CODE_ROWS)
    draws = prior(model, classes)
    if values:
        z = np.repeat(draws[:, None], values, axis=1)
        z[..., first : first + values] = np.eye(values, dtype=np.float32)
        labels = np.repeat(classes[:, None], values, axis=1)
        requests["codes_categorical"] = Request(z, labels)
    if continuous:
        shape = continuous, len(CODE_VALUES)
        z = np.broadcast_to(draws[0], (*shape, draws.shape[1])).copy()
        rows = np.arange(continuous)
        z[rows, :, first + values + rows] = CODE_VALUES
        requests["codes_continuous"] = Request(z, np.full(shape, classes[0]))
    return requests


def _classes(model: Model, rows: int) -> np.ndarray:
    """A class for every row, int32 [rows]; all 0, which nobody sees, without conditions."""
    classes = np.arange(rows, dtype=np.int32) % model.test.spec.num_classes
    return classes if model.config.conditional else np.zeros_like(classes)
