"""Which features of a TFDS data set are the image, the class and the generative factors."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data.spec import check_section
from gen_jax.errors import UserError

PREFIX = "label_"
"""Of factors, in data sets made of them: dsprites, shapes3d, smallnorb."""


class Features(NamedTuple):
    """Features by name.

    Attributes:
        image: the image's.
        label: the class's; None if there is none, and every image has class 0.
        class_names: the names of its values.
        factors: number of values of each factor's, by feature, sorted.
    """

    image: str
    label: str | None
    class_names: tuple[str, ...]
    factors: dict[str, int]

    def named_factors(self) -> tuple[tuple[str, int], ...]:
        """(name, number of values) of each factor, the name without the prefix."""
        return tuple((key.removeprefix(PREFIX), count) for key, count in self.factors.items())


def features(config: ConfigDict, info: Any) -> Features:
    """What a config's `data` section chooses of a data set's features.

    The factors are all ClassLabels named `label_...`, the class among them if it is one; a lone
    one that is the class is no factor.

    Args:
        config: `label`, the ClassLabel to use as class, empty for none; and what every source
            reads.
        info: the data set's DatasetInfo.

    Raises:
        UserError: no images, images that are not uint8, or no such label.
    """
    import tensorflow_datasets as tfds

    images = sorted(k for k, f in info.features.items() if isinstance(f, tfds.features.Image))
    if not images:
        raise UserError(f"{config.name} has no images, only {', '.join(sorted(info.features))}")
    image = "image" if "image" in images else images[0]
    if (dtype := info.features[image].np_dtype) != np.uint8:
        raise UserError(f"{config.name}: images are {dtype}, not uint8")
    labels = {name: info.features[name] for name in class_labels(info)}
    factors = {k: labels[k].num_classes for k in labels if k.startswith(PREFIX)}
    if set(factors) == {config.label}:
        factors = {}
    label = chosen_label(config, labels)
    names = ("all",) if label is None else tuple(labels[label].names or ())
    check_section(config, len(names), config.name)
    return Features(image, label, names, factors)


def class_labels(info: Any) -> tuple[str, ...]:
    """Names of all ClassLabels among a data set's features, sorted."""
    import tensorflow_datasets as tfds

    features = sorted(info.features.items())
    return tuple(k for k, feature in features if isinstance(feature, tfds.features.ClassLabel))


def chosen_label(config: ConfigDict, labels: Collection[str]) -> str | None:
    """The ClassLabel a config's `data` section takes for the class; None if every image is of one.

    Args:
        config: `label` and `name`.
        labels: names of the data set's ClassLabels.

    Raises:
        UserError: there is no such label.
    """
    if config.label in labels:
        return config.label
    if not config.label or (not labels and config.label == "label"):
        return None
    raise UserError(
        f"{config.name} has no class label {config.label!r}; --config.data.label is one of "
        f"{', '.join(labels) or '(it has none)'}, or empty for no classes"
    )
