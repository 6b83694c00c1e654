"""Vector arithmetic without an encoder: samples that a classifier names are moved between classes.

Radford et al. (2016), section 6.3.2, average the z of three samples that they picked by hand. Here
the project's classifier picks, many more, and then says how often the arithmetic comes out right.
"""

import jax
import numpy as np

from gen_jax.evals.figures.arithmetic import ROWS, SHARES
from gen_jax.evals.figures.codes import Request, decode_all, prior
from gen_jax.evals.model import Model
from gen_jax.evals.namer import Namer, load

EXAMPLES = 2000
"""Samples that class means of z are taken over, and as many others that are moved by them."""
SURE = 0.9
"""The classifier's probability from which on a sample counts as one of the class it names."""
FEWEST = 10
"""Such samples of a class, among either, without which it has no row."""
MEASURED = 200


def arrays(model: Model) -> dict[str, np.ndarray]:
    """Samples moved by the difference of two class means, and how often they get there.

    "sample_arithmetic" [rows, len(SHARES), H, W, C] is z + t (mean_a - mean_b), decoded, for t in
    SHARES; z is of a sample of class b that had no part in the means. Each class goes to the next,
    the last to the first: "sample_arithmetic_labels" int32 [rows, 2] are b and a.
    "sample_arithmetic_success" float32 [rows] is the share of such samples of class b, the first
    MEASURED, that the classifier names a once moved by t = 1; unmoved it names them b.
    "sample_arithmetic_counts" int32 [rows] is how many they are.

    Nothing without `eval.classifier`, for a conditional model, whose z is not what says the class,
    with more classes than the samples could be enough for, or if they show one class only.

    Raises:
      UserError: `eval.classifier` is no classifier's file, or one of other images or classes.
    """
    path, spec = model.config.eval.classifier, model.test.spec
    if not path or model.config.conditional or spec.num_classes * FEWEST > EXAMPLES:
        return {}
    namer = load(path, spec)
    z = prior(model, np.zeros(2 * EXAMPLES, np.int32))
    named, probability = _named(model, namer, z)
    known = np.where(probability >= SURE, named, -1)
    (learnt, fresh), (seen, new) = np.split(z, 2), np.split(known, 2)
    enough = [c for c in np.unique(named) if min(np.sum(seen == c), np.sum(new == c)) >= FEWEST]
    order = np.array(enough[:ROWS], np.int32)
    if len(order) < 2:
        return {}
    means = np.stack([learnt[seen == c].mean(axis=0) for c in order])
    towards = np.roll(means, -1, axis=0) - means
    rows = np.stack([order, np.roll(order, -1)], axis=1)
    starts = [fresh[new == b][:MEASURED] for b in order]
    moving = list(zip(starts, towards, strict=True))
    z = np.stack([start[0] + np.array(SHARES)[:, None] * t for start, t in moving])
    moved = np.concatenate([start + t for start, t in moving])
    ends = np.cumsum([len(start) for start in starts])[:-1]
    arrived = np.split(_named(model, namer, moved)[0], ends)
    success = [np.mean(row == a) for row, a in zip(arrived, rows[:, 1], strict=True)]
    request = Request(z, np.zeros(z.shape[:2], np.int32))
    return decode_all(model, {"sample_arithmetic": request}) | {
        "sample_arithmetic_labels": rows,
        "sample_arithmetic_success": np.array(success, np.float32),
        "sample_arithmetic_counts": np.array([len(row) for row in arrived], np.int32),
    }


def _named(model: Model, namer: Namer, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class that each z [n, Z] shows, int32 [n], and its probability."""
    pictures = model.decode(z.astype(np.float32), np.zeros(len(z), np.int32))
    size = model.config.eval.batch_size
    blocks = np.split(pictures, range(size, len(z), size))
    labels, probabilities = zip(*(jax.device_get(namer.name(b)) for b in blocks), strict=True)
    return np.concatenate(labels), np.concatenate(probabilities)
