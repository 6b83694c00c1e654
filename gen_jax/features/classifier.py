"""Features of a classifier trained here (family "classifier"), and the file it is kept in.

The file is an .npz: the Linen variables by path ("params/Conv_0/kernel", "batch_stats/...") and
what rebuilds the network around them, "net", "blocks", "widths", "num_classes", "image_shape" and
"class_names"; a file without "net" is of "conv", once the only one. "data", "seed" and
"config_digest" say what run it comes from.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, Float

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.features.network import Apply, Kind, Misfit, Shape, choose_layers, take
from gen_jax.nets.classifier import CLASSIFIERS, Net, ResNetClassifier

_MOST = 2**20
"""Above any width, side or number of classes."""


class Origin(NamedTuple):
    """The training a classifier comes from.

    Attributes:
        data: the name of its data set.
        seed: of the run.
        config_digest: SHA-256 (hex) of the run's config.
    """

    data: str
    seed: int
    config_digest: str


def pack(
    net: Net, variables: Mapping[str, Any], spec: DataSpec, origin: Origin | None = None
) -> dict[str, np.ndarray]:
    """What the file of a trained classifier holds, by name.

    Args:
        net: the network.
        variables: its "params" and "batch_stats".
        spec: what it was trained on.
        origin: by what run; None if by none.
    """
    residual = isinstance(net, ResNetClassifier)
    return {
        **{path: np.asarray(leaf) for path, leaf in flatten_dict(variables, sep="/").items()},
        "net": np.array("resnet" if residual else "conv"),
        "blocks": np.array(net.blocks if residual else 1, np.int32),
        "widths": np.array(net.widths, np.int32),
        "num_classes": np.array(net.num_classes, np.int32),
        "image_shape": np.array(spec.shape, np.int32),
        "class_names": np.array(spec.class_names),
        **({} if origin is None else {k: np.array(v) for k, v in origin._asdict().items()}),
    }


def unpack(arrays: Mapping[str, np.ndarray]) -> tuple[Any, dict[str, Any], Shape]:
    """The network (`Net`), its variables (NumPy) and the shape of its images; raises Misfit."""
    name = str(arrays.get("net", "conv"))
    if name not in CLASSIFIERS:
        raise Misfit(f"its net is {name!r}, not {' or '.join(CLASSIFIERS)}")
    try:
        widths = tuple(int(width) for width in arrays["widths"])
        blocks = int(arrays.get("blocks", 1))
        net = CLASSIFIERS[name](widths, int(arrays["num_classes"]), blocks)
        height, width, channels = (int(side) for side in arrays["image_shape"])
    except KeyError as error:
        raise Misfit(f"it has no {error.args[0]}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise Misfit("its widths, blocks, num_classes or image_shape are not numbers") from error
    shape = height, width, channels
    # Every block of every width has arrays of its own: the file bounds the network built for it.
    most = len(arrays) // max(blocks, 1)
    if blocks < 1 or not 0 < len(widths) <= most or not 0 < min(widths) <= max(widths) < _MOST:
        raise Misfit(f"it has widths {list(widths[:9])} and {blocks} blocks each")
    if not 0 < net.num_classes < _MOST or not 0 < min(shape) <= max(shape) < _MOST:
        raise Misfit(f"it has {net.num_classes} classes of images {list(shape)}")
    if not _can_halve(shape, net):
        raise Misfit(f"images {list(shape)} cannot be halved {net.halvings} times")
    expected = jax.eval_shape(
        lambda key: net.init(key, jnp.zeros((1, *shape)), False), jax.random.key(0)
    )
    paths = flatten_dict(expected, sep="/")
    return (
        net,
        unflatten_dict({p: take(arrays, p, leaf.shape) for p, leaf in paths.items()}, sep="/"),
        shape,
    )


def origin(arrays: Mapping[str, np.ndarray]) -> Origin | None:
    """The training a file comes from; None if it does not say; raises Misfit."""
    if any(name not in arrays for name in Origin._fields):
        return None
    try:
        return Origin(str(arrays["data"]), int(arrays["seed"]), str(arrays["config_digest"]))
    except (TypeError, ValueError, OverflowError) as error:
        raise Misfit("its seed is not a number") from error


def build(
    arrays: Mapping[str, np.ndarray], layers: Sequence[int], shape: Shape
) -> tuple[tuple[int, ...], Apply]:
    """Layers and function of a `Kind`; batch norm uses the running moments of the training.

    Layers are the network's feature maps in order, by default those it has `compared`.
    """
    net, variables, trained = unpack(arrays)
    if shape[2] != trained[2]:
        raise UserError(
            f"perceptual.weights: a classifier of images of {trained[2]} channels, these have "
            f"{shape[2]}; pass --config.data.channels={trained[2]}, or train one on such images"
        )
    if not _can_halve(shape, net):
        raise UserError(
            f"perceptual.weights: a classifier that halves images {net.halvings} times, which "
            f"{shape[0]}x{shape[1]} pixels do not allow; train one with fewer classifier.widths"
        )
    chosen = choose_layers(layers, net.layers, default=net.compared)

    def apply(images: Float[Array, "n h w c"]) -> list[Float[Array, "n i j d"]]:
        maps = net.apply(variables, images, False)[1]
        return [maps[layer] for layer in chosen]

    return chosen, apply


def _can_halve(shape: Shape, net: Net) -> bool:
    return not any(side % 2**net.halvings for side in shape[:2])


KIND = Kind(
    "train it with python run.py --config=configs/classifier_cifar10.py, then pass "
    "--config.perceptual.weights=runs/classifier_cifar10/classifier.npz",
    build,
)
