"""Attribute arithmetic: how far a class mean's difference moves an image into another class."""

import numpy as np

from gen_jax.evals.figures.codes import Codes, Request

EXAMPLES = 5000
"""Test images whose posterior means make the class means, at most."""
ROWS = 6
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def request(codes: Codes, rows: np.ndarray) -> tuple[Request, np.ndarray]:
    """Codes [rows, len(SHARES), Z] from one class towards another, and the images they start from.

    z of the first test image of class b, then z + t (mean_a - mean_b) for t in SHARES, where the
    means are those of the posterior means of up to EXAMPLES *test* images: nothing is learnt from
    them, labels only say which direction to look in. It is the vector arithmetic of Radford et al.
    (2016) with the codes of a trained encoder for their averages of three samples.

    Args:
      codes: of the test images.
      rows: `labels` of them.

    Returns:
      The request, and positions int [rows] of the test images.
    """
    mean, known = codes.mean[:EXAMPLES], codes.labels[:EXAMPLES]
    first = np.array([np.argmax(known == b) for b in rows[:, 0]])
    means = {label: mean[known == label].mean(axis=0) for label in rows[:, 0]}
    towards = np.stack([means[a] - means[b] for b, a in rows])
    z = mean[first][:, None] + np.array(SHARES, np.float32)[:, None] * towards[:, None]
    return Request(z, np.repeat(rows[:, :1], len(SHARES), axis=1)), first


def labels(codes: Codes) -> np.ndarray:
    """Each row's class b and the class a it goes to, int32 [rows, 2].

    Classes come in the order in which the test images bring them, each towards the next and the
    last towards the first.
    """
    seen, first = np.unique(codes.labels[:EXAMPLES], return_index=True)
    order = seen[np.argsort(first)][:ROWS]
    return np.stack([order, np.roll(order, -1)], axis=1).astype(np.int32)
