"""Codes of the test images or of the prior, and pictures of codes, decoded all in one go."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gen_jax.evals.model import Model, to_uint8


class Codes(NamedTuple):
    """Posteriors of the first test images: mean and logvar float32 [n, Z], labels int32 [n].

    logvar is -inf where a code is a point, an autoencoder's.
    """

    mean: np.ndarray
    logvar: np.ndarray
    labels: np.ndarray

    @property
    def are_points(self) -> bool:
        """True if there is no posterior around a code, and so no KL and no prior it is held to."""
        return bool(np.isneginf(self.logvar).any())

    def spread(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre and standard deviation [Z] of what codes are drawn from.

        That is the prior, N(0, 1), or for points what the codes themselves have.
        """
        if self.are_points:
            return self.mean.mean(axis=0), self.mean.std(axis=0)
        return np.zeros_like(self.mean[0]), np.ones_like(self.mean[0])


class Request(NamedTuple):
    """Codes to decode: z float32 [..., Z], and the label of each, int32 [...]."""

    z: np.ndarray
    labels: np.ndarray


def encode(model: Model, count: int) -> Codes:
    """Codes of the first `count` test images, or of all if there are fewer."""
    return Codes(*model.encode(count), model.test.labels[:count])


def prior(model: Model, labels: np.ndarray) -> np.ndarray:
    """z float32 [n, Z] of given classes [n]: those that `model.sample` decodes, one by one."""
    keys = model.keys("sample", np.arange(len(labels)))
    return np.asarray(model.jitted("prior")(keys, labels.astype(np.int32)), np.float32)


def observed(model: Model, positions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Test images at each of these positions as the model saw them, uint8 [..., H, W, C]."""
    wanted = np.unique(np.concatenate([where.reshape(-1) for where in positions.values()]))
    pictures = to_uint8(model.observed(model.test, wanted)["image"])
    return {name: pictures[np.searchsorted(wanted, where)] for name, where in positions.items()}


def decode_all(model: Model, requests: Mapping[str, Request]) -> dict[str, np.ndarray]:
    """Pictures uint8 [..., H, W, C] of each request, decoded as one batch: compiled but once."""
    flat = [(r.z.reshape(-1, r.z.shape[-1]), r.labels.reshape(-1)) for r in requests.values()]
    z, labels = (np.concatenate(parts) for parts in zip(*flat, strict=True))
    sizes = [len(labels) for _, labels in flat]
    pictures = to_uint8(model.decode(z.astype(np.float32), labels.astype(np.int32)))
    parts = np.split(pictures, np.cumsum(sizes)[:-1])
    return {
        name: part.reshape(*request.labels.shape, *part.shape[1:])
        for (name, request), part in zip(requests.items(), parts, strict=True)
    }
