"""The whole of a two-dimensional latent space as one picture."""

from statistics import NormalDist

import numpy as np

from gen_jax.evals.figures.codes import Codes, Request

SIDE = 20


def request(codes: Codes, conditional: bool) -> tuple[Request, dict[str, np.ndarray]]:
    """Makes "manifold" [SIDE, SIDE, H, W, C]: codes spaced evenly in probability.

    As in figure 4 of Kingma & Welling (2014), the unit square goes through the inverse CDF of the
    prior, here at the middle of each of SIDE^2 cells. Dimension 0 grows to the right and dimension
    1 upwards, as the axes of a plot do. For codes that are points the Gaussian is the one that
    fits them.

    Returns:
      The request and, if the decoder is told a class, "manifold_labels" int32 [1]: the one it is
      told, that of test image 0.
    """
    centre, scale = codes.spread()
    normal = NormalDist()
    steps = np.array([normal.inv_cdf((i + 0.5) / SIDE) for i in range(SIDE)], np.float32)
    across, upwards = centre[:, None] + scale[:, None] * steps
    z = np.stack(np.meshgrid(across, upwards[::-1]), axis=-1)
    labels = np.full(z.shape[:2], codes.labels[0], np.int32)
    about = {"manifold_labels": codes.labels[:1]} if conditional else {}
    return Request(z, labels), about
