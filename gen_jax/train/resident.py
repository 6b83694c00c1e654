"""Training images on the devices, so that a step is sent the numbers of its images alone.

They are gathered by a program of their own before the step's. Within the step's they would cost one
launch less, and change what XLA makes of the rest of it: this way the bits are the same.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt8

from gen_jax.core import parallel
from gen_jax.data.batches import Batch, Batches
from gen_jax.data.spec import ArraySplit, Split
from gen_jax.errors import UserError

CHOICES = ("auto", "always", "never")
SHARE = 0.25
"""Of a device's memory that images may take where nobody asked for it."""

Store = dict[str, Any]


def store(split: Split, choice: str) -> Store:
    """Images and labels of a split on every local device, or nothing: batches are then sent whole.

    By "auto" they are there on GPUs and TPUs, if they are in this machine's memory and take little
    of the devices'.

    Raises:
      UserError: no such choice, or "always" for a split that is decoded on demand.
    """
    if choice not in CHOICES:
        raise UserError(f"data.resident={choice!r}: must be one of {', '.join(CHOICES)}")
    if not isinstance(split, ArraySplit):
        if choice == "always":
            raise UserError(
                "data.resident='always' takes images in memory; leave out data.stream and "
                "data.train_classes, or pass --config.data.resident=auto"
            )
        return {}
    if choice == "never" or (choice == "auto" and not _fits(split)):
        return {}
    return parallel.replicate({"image": split.images, "label": split.labels})


def picks(batches: Batches, step: int) -> Batch:
    """Which images a step sees, of this process's share, as `gathered` takes them."""
    indices, flips = batches.indices(step)
    return {
        "index": indices[:, batches.share].astype(np.int32),
        "flip": flips[:, batches.share],
    }


def gathered(store: Store, batch: dict[str, Array]) -> dict[str, Array]:
    """On a device: the images and labels of `picks`, the very bytes of `Batches.batch`."""
    index: Int[Array, "... b"] = batch["index"]
    flip: Bool[Array, "... b"] = batch["flip"]
    images: UInt8[Array, "... b h w c"] = store["image"][index]
    mirrored = jnp.where(flip[..., None, None, None], images[..., ::-1, :], images)
    others = {name: leaf for name, leaf in batch.items() if name not in ("index", "flip")}
    return others | {"image": mirrored, "label": store["label"][index]}


def _fits(split: ArraySplit) -> bool:
    if jax.default_backend() == "cpu":
        return False
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)
    return split.images.nbytes < SHARE * limit
