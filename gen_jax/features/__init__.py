"""Frozen networks to see images through: `load(net, path, layers, shape) -> Features`."""

from collections.abc import Sequence

from gen_jax.core.files import expanded
from gen_jax.errors import UserError, choose
from gen_jax.features import archive, classifier, vgg16
from gen_jax.features.network import Features, Kind, Misfit

__all__ = ["FEATURES", "Features", "load"]

FEATURES: dict[str, Kind] = {"classifier": classifier.KIND, "vgg16": vgg16.KIND}


def load(
    net: str, path: str | None, layers: Sequence[int], shape: tuple[int, int, int]
) -> Features:
    """A frozen network from its weights file.

    Args:
        net: a key of `FEATURES`.
        path: the weights file.
        layers: layers compared, by number of the net's own list; (): its default.
        shape: (H, W, C) of the images it will see.

    Raises:
        UserError: there is no such net, file or layer, the file is of something else, or the net
            cannot see such images.
    """
    kind = choose(FEATURES, net, "perceptual.net")
    if not path:
        raise UserError(f"perceptual.net={net!r} needs its weights: {kind.obtain}")
    file = expanded(path)
    if not file.is_file():
        raise UserError(f"perceptual.weights={path!r} is not a file; {kind.obtain}")
    arrays = archive.read(file)
    try:
        chosen, apply = kind.build(arrays, layers, shape)
    except Misfit as error:
        raise UserError(
            f"perceptual.weights={path!r} is not of the net {net!r}: {error}; {kind.obtain}"
        ) from error
    return Features(net, archive.digest(file), chosen, apply)
