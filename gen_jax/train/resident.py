"""Training images on the devices, so that a step is sent the numbers of its images alone.

They are gathered by a program of their own before the step's. Within the step's they would cost one
launch less, and change what XLA makes of the rest of it: this way the bits are the same.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Shaped

from gen_jax.core import parallel
from gen_jax.data.batches import Batch, Batches
from gen_jax.data.spec import ArraySplit, Split
from gen_jax.errors import UserError

SHARE = 0.25
"""Of a device's memory that images may take where nobody asked for it."""

Store = dict[str, Any]


def wanted(split: Split, choice: str) -> bool:
    """Whether a split is to be kept on this process's devices; batches are sent whole otherwise.

    By "auto" it is on GPUs and TPUs, if it is in this machine's memory and takes little of theirs.

    Raises:
      UserError: "always" for a split that is not in memory as it is trained on.
    """
    if isinstance(split, ArraySplit):
        return choice == "always" or (choice == "auto" and _fits(split))
    if choice == "always":
        raise UserError(
            f"data.resident='always': {split.spec.name} is not in memory image by image "
            "(data.stream, data.train_classes, data.scarce and stacked_mnist never are); pass "
            "--config.data.resident=auto"
        )
    return False


def store(split: Split) -> Store:
    """Images and labels of a split, an `ArraySplit`, on every local device."""
    assert isinstance(split, ArraySplit)
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
    images: Shaped[Array, "... b h w c"] = store["image"][index]
    mirrored = jnp.where(flip[..., None, None, None], images[..., ::-1, :], images)
    others = {name: leaf for name, leaf in batch.items() if name not in ("index", "flip")}
    return others | {"image": mirrored, "label": store["label"][index]}


def _fits(split: ArraySplit) -> bool:
    if jax.default_backend() == "cpu":
        return False
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)
    return split.images.nbytes < SHARE * limit
