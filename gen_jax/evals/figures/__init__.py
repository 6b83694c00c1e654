"""The pictures of a report, as arrays; one file per kind, `arrays` is `evals/figures.npz`."""

import numpy as np

from gen_jax.evals.figures import (
    arithmetic,
    manifold,
    paths,
    projection,
    sample_arithmetic,
    traversal,
    walks,
)
from gen_jax.evals.figures.codes import Codes, Request, decode_all, encode, observed
from gen_jax.evals.model import Model, to_uint8

RECONSTRUCTIONS = 16


def arrays(model: Model) -> dict[str, np.ndarray]:
    """Everything the evaluation of pictures gives; see the files here for what each array holds.

    A family without `sample`, `encode` or `decode` has the pictures that need none of it, and one
    that cannot encode is explored from its `prior` instead. Test images are shown as the model saw
    them, uint8 like every picture. Points in the plane are no pictures.
    """
    family, found = model.family, {"class_names": np.array(model.test.spec.class_names)}
    if model.test.spec.modes:
        return found
    if family.sample is not None:
        found |= _prior_samples(model)
    if family.encode is None:
        explored = family.prior is not None and family.decode is not None
        return found | walks.arrays(model) | sample_arithmetic.arrays(model) if explored else found
    projected = model.config.eval.projection
    classes_seen = 0 if model.config.conditional else arithmetic.EXAMPLES
    codes = encode(model, max(projected, classes_seen, 2 * RECONSTRUCTIONS))
    found |= projection.arrays(codes, projected)
    return found if family.decode is None else found | _decoded(model, codes)


def class_grid(model: Model, classes: np.ndarray, columns: int) -> np.ndarray:
    """Prior samples uint8 [classes, columns, H, W, C], a class a row.

    To an unconditional family the classes are only so many rows.
    """
    pictures = to_uint8(model.sample(np.repeat(classes, columns)))
    return pictures.reshape(len(classes), columns, *pictures.shape[1:])


def _prior_samples(model: Model) -> dict[str, np.ndarray]:
    """Arrays "samples" [rows, columns, H, W, C], or "class_grid" with the label of each row."""
    rows, columns = model.config.eval.grid_rows, model.config.eval.grid_columns
    if not model.config.conditional:
        return {"samples": class_grid(model, np.zeros(rows, np.int32), columns)}
    classes = np.arange(min(rows, model.test.spec.num_classes), dtype=np.int32)
    return {"class_grid": class_grid(model, classes, columns), "class_grid_labels": classes}


def _decoded(model: Model, codes: Codes) -> dict[str, np.ndarray]:
    conditional, shown = model.config.conditional, np.arange(RECONSTRUCTIONS)[: len(codes.labels)]
    requests = {"reconstruction_output": Request(codes.mean[shown], codes.labels[shown])}
    images = {"reconstruction_input": shown}
    found = {"reconstruction_labels": codes.labels[shown]}
    pairs = paths.pairs(codes.labels)
    if len(pairs):
        requests |= paths.requests(codes, pairs)
        images["interpolation_ends"] = pairs
        found["interpolation_labels"] = codes.labels[pairs]
    requests["traversal"], about = traversal.request(codes)
    found |= about
    if codes.mean.shape[1] == 2:
        requests["manifold"], about = manifold.request(codes, conditional)
        found |= about
    rows = arithmetic.labels(codes)
    if not conditional and len(rows) > 1:
        requests["arithmetic"], images["arithmetic"] = arithmetic.request(codes, rows)
        found["arithmetic_labels"] = rows
    decoded, seen = decode_all(model, requests), observed(model, images)
    if "arithmetic" in seen:
        columns = seen.pop("arithmetic")[:, None], decoded["arithmetic"]
        decoded["arithmetic"] = np.concatenate(columns, axis=1)
    return found | seen | decoded
