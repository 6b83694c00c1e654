"""What one latent dimension does: it moves, the others are held."""

import numpy as np

from gen_jax.evals.figures.codes import Codes, Request
from gen_jax.evals.latents import kl_standard_normal

ROWS = 10
VALUES = np.linspace(-3, 3, 11, dtype=np.float32)


def request(codes: Codes) -> tuple[Request, dict[str, np.ndarray]]:
    """Makes "traversal" [rows, 11, H, W, C], a dimension a row, and what the rows are.

    The code is the posterior mean of test image 0; one dimension of it is set to each of VALUES in
    turn, in standard deviations of the prior. Rows are the dimensions of the largest mean KL, the
    largest first. A code that is a point has no KL: dimensions go by the variance of the codes, and
    values are in standard deviations of the codes around their mean.

    Returns:
      The request, and "traversal_dims" int [rows], "traversal_values" float32 [11], and
      "traversal_kl" (nats) or "traversal_variance", float32 [rows].
    """
    measure = codes.mean.var(axis=0) if codes.are_points else mean_kl(codes)
    dims = np.argsort(-measure, kind="stable")[:ROWS]
    centre, scale = codes.spread()
    z = np.broadcast_to(codes.mean[0], (len(dims), len(VALUES), codes.mean.shape[1])).copy()
    rows = np.arange(len(dims))
    z[rows, :, dims] = centre[dims, None] + scale[dims, None] * VALUES
    labels = np.full(z.shape[:2], codes.labels[0], np.int32)
    name = "traversal_variance" if codes.are_points else "traversal_kl"
    about = {
        "traversal_dims": dims.astype(np.int32),
        "traversal_values": VALUES,
        name: measure[dims].astype(np.float32),
    }
    return Request(z, labels), about


def mean_kl(codes: Codes) -> np.ndarray:
    """KL to N(0, 1) of each dimension [Z], nats, mean over the test images encoded."""
    mean, logvar = codes.mean.astype(np.float64), codes.logvar.astype(np.float64)
    return kl_standard_normal(mean, logvar).mean(axis=0)
