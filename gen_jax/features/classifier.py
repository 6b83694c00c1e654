"""Features of a classifier trained here (family "classifier"), and the file it is kept in.

The file is an .npz: the Linen variables by path ("params/Conv_0/kernel", "batch_stats/...") and
what rebuilds the network around them, "widths", "num_classes", "image_shape" and "class_names".
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, Float

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.features.network import Apply, Kind, Misfit, Shape, choose_layers, take
from gen_jax.nets.classifier import Classifier


def pack(net: Classifier, variables: Mapping[str, Any], spec: DataSpec) -> dict[str, np.ndarray]:
    """What the file of a trained classifier holds, by name.

    Args:
        net: the network.
        variables: its "params" and "batch_stats".
        spec: what it was trained on.
    """
    return {
        **{path: np.asarray(leaf) for path, leaf in flatten_dict(variables, sep="/").items()},
        "widths": np.array(net.widths, np.int32),
        "num_classes": np.array(net.num_classes, np.int32),
        "image_shape": np.array(spec.shape, np.int32),
        "class_names": np.array(spec.class_names),
    }


def unpack(arrays: Mapping[str, np.ndarray]) -> tuple[Any, dict[str, Any], Shape]:
    """The `Classifier`, its variables (NumPy) and the shape of its images; raises Misfit."""
    try:
        widths = tuple(int(width) for width in arrays["widths"])
        net = Classifier(widths, int(arrays["num_classes"]))
        height, width, channels = (int(side) for side in arrays["image_shape"])
    except KeyError as error:
        raise Misfit(f"it has no {error.args[0]}") from error
    except (TypeError, ValueError) as error:
        raise Misfit("its widths, num_classes or image_shape are not numbers") from error
    shape = height, width, channels
    if not _can_halve(shape, widths):
        raise Misfit(f"images {list(shape)} cannot be halved {len(widths)} times")
    expected = jax.eval_shape(
        lambda key: net.init(key, jnp.zeros((1, *shape)), False), jax.random.key(0)
    )
    paths = flatten_dict(expected, sep="/")
    return (
        net,
        unflatten_dict({p: take(arrays, p, leaf.shape) for p, leaf in paths.items()}, sep="/"),
        shape,
    )


def build(
    arrays: Mapping[str, np.ndarray], layers: Sequence[int], shape: Shape
) -> tuple[tuple[int, ...], Apply]:
    """Layers and function of a `Kind`; batch norm uses the running moments of the training.

    Layers are the network's feature maps in order, two per width. By default the first of each
    width: the one at full size, just before it is halved.
    """
    net, variables, trained = unpack(arrays)
    if shape[2] != trained[2]:
        raise UserError(
            f"perceptual.weights: a classifier of images of {trained[2]} channels, these have "
            f"{shape[2]}; pass --config.data.channels={trained[2]}, or train one on such images"
        )
    if not _can_halve(shape, net.widths):
        raise UserError(
            f"perceptual.weights: a classifier that halves images {len(net.widths)} times, which "
            f"{shape[0]}x{shape[1]} pixels do not allow; train one with fewer classifier.widths"
        )
    names = [
        f"{width} channels at 1/{2 ** (i + j)}"
        for i, width in enumerate(net.widths)
        for j in range(2)
    ]
    chosen = choose_layers(layers, names, default=tuple(range(0, len(names), 2)))

    def apply(images: Float[Array, "n h w c"]) -> list[Float[Array, "n i j d"]]:
        maps = net.apply(variables, images, False)[1]
        return [maps[layer] for layer in chosen]

    return chosen, apply


def _can_halve(shape: Shape, widths: tuple[int, ...]) -> bool:
    """Whether images can be halved once per width, of which there is at least one."""
    return bool(widths) and min(widths) > 0 and not any(s % 2 ** len(widths) for s in shape[:2])


KIND = Kind(
    "train it with python run.py --config=configs/classifier_cifar10.py, then pass "
    "--config.perceptual.weights=runs/classifier_cifar10/classifier.npz",
    build,
)
