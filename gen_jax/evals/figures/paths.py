"""Paths between the codes of two test images: straight, and on a great circle."""

import numpy as np

from gen_jax.evals.figures.codes import Codes, Request

POINTS = 10
PAIRS = 3
"""Pairs of one class, and as many of two classes."""
_PARALLEL = 1e-4


def requests(codes: Codes, pairs: np.ndarray) -> dict[str, Request]:
    """Both paths between posterior means, POINTS a row.

    They are "interpolation" and "interpolation_spherical" [rows, POINTS, H, W, C]; each picture has
    the label of the end it is nearer to.

    Args:
      codes: of the test images.
      pairs: int [rows, 2], positions of the ends.
    """
    position = np.linspace(0, 1, POINTS, dtype=np.float32)
    ends, labels = codes.mean[pairs], codes.labels[pairs]
    nearer = np.where(position[None] < 0.5, labels[:, :1], labels[:, 1:])
    return {
        "interpolation": Request(linear(ends, position), nearer),
        "interpolation_spherical": Request(spherical(ends, position), nearer),
    }


def pairs(labels: np.ndarray) -> np.ndarray:
    """The first pairs of a sequence: PAIRS of one class, then PAIRS of two, int [rows, 2].

    No position is in two pairs. With one class only all pairs are of that; where a sequence runs
    out there are fewer.
    """
    alone = len(np.unique(labels)) == 1
    found: list[tuple[int, int]] = []
    waiting: dict[int, int] = {}
    for position, label in enumerate(labels.tolist()):
        if len(found) == (2 * PAIRS if alone else PAIRS):
            break
        if label in waiting:
            found.append((waiting.pop(label), position))
        else:
            waiting[label] = position
    free = [position for position in range(len(labels)) if position not in np.array(found)]
    between = 0
    while not alone and between < PAIRS and free:
        first = free.pop(0)
        other = next((p for p in free if labels[p] != labels[first]), None)
        if other is None:
            break
        free.remove(other)
        found.append((first, other))
        between += 1
    return np.array(found, np.int64).reshape(-1, 2)


def linear(ends: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Straight lines: ends [n, 2, Z], positions [p] in 0 .. 1 to z [n, p, Z]."""
    t = position[None, :, None]
    return ends[:, :1] * (1 - t) + ends[:, 1:] * t


def spherical(ends: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Great circles (slerp, Shoemake 1985): ends [n, 2, Z], positions [p] to z [n, p, Z].

    sin((1 - t) a) / sin(a) z_0 + sin(t a) / sin(a) z_1 with the angle a between z_0 and z_1. White
    (2016) takes it for latents, since a Gaussian in many dimensions lies near a sphere, which the
    straight line leaves. Ends on one line through the origin have no such circle and get the line.
    """
    ends = ends.astype(np.float64)
    norms = np.linalg.norm(ends, axis=-1)
    products = np.maximum(norms.prod(axis=1), np.finfo(np.float64).tiny)
    angle = np.arccos(np.clip((ends[:, 0] * ends[:, 1]).sum(axis=-1) / products, -1, 1))
    flat = (np.sin(angle) < _PARALLEL) | (norms.prod(axis=1) == 0)
    angle = np.where(flat, 1.0, angle)[:, None]
    t = position[None].astype(np.float64)
    first, last = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    arcs = first[..., None] * ends[:, :1] + last[..., None] * ends[:, 1:]
    return np.where(flat[:, None, None], linear(ends, t[0]), arcs).astype(np.float32)
