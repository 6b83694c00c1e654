"""The pictures of a report, as arrays: class rows, reconstructions, interpolations."""

import numpy as np

from gen_jax.evals.model import Model, to_uint8

RECONSTRUCTIONS = 16
INTERPOLATIONS = 6
POINTS = 10


def arrays(model: Model) -> dict[str, np.ndarray]:
    """Everything `evals/figures.npz` holds; images uint8, see `report` for the layout.

    Rows are the first classes, test images the first of the test set; interpolations are linear
    in z between posterior means, each at its own end's label up to the middle.
    """
    spec, rows, columns = (
        model.test.spec,
        model.config.eval.grid_rows,
        model.config.eval.grid_columns,
    )
    classes = np.arange(min(rows, spec.num_classes), dtype=np.int32)
    grid = class_grid(model, classes, columns)
    count = min(2 * INTERPOLATIONS + RECONSTRUCTIONS, len(model.test))
    batch = model.test.gather(np.arange(count))
    means, labels = model.encode(count)[0], batch["label"]
    shown = min(RECONSTRUCTIONS, count)
    pairs = np.arange(count - count % 2)[-2 * INTERPOLATIONS :].reshape(-1, 2)
    interpolations = (
        {}
        if not len(pairs)
        else {
            "interpolation": interpolate(model, means[pairs], labels[pairs]),
            "interpolation_ends": batch["image"][pairs],
            "interpolation_labels": labels[pairs],
        }
    )
    return {
        "class_grid": grid,
        "class_grid_labels": classes,
        "reconstruction_input": batch["image"][:shown],
        "reconstruction_output": to_uint8(model.decode(means[:shown], labels[:shown])),
        "reconstruction_labels": labels[:shown],
        **interpolations,
        "class_names": np.array(spec.class_names),
    }


def class_grid(model: Model, classes: np.ndarray, columns: int) -> np.ndarray:
    """Prior samples uint8 [classes, columns, H, W, C], a class a row."""
    pictures = to_uint8(model.sample(np.repeat(classes, columns)))
    return pictures.reshape(len(classes), columns, *pictures.shape[1:])


def interpolate(model: Model, ends: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Decoded straight lines between latents [n, 2, Z]: uint8 [n, POINTS, H, W, C]."""
    position = np.linspace(0, 1, POINTS, dtype=np.float32)
    z = ends[:, :1] * (1 - position)[None, :, None] + ends[:, 1:] * position[None, :, None]
    nearer = np.where(position[None] < 0.5, labels[:, :1], labels[:, 1:])
    pictures = to_uint8(model.decode(z.reshape(-1, z.shape[-1]), nearer.reshape(-1)))
    return pictures.reshape(*z.shape[:2], *pictures.shape[1:])
