"""Any TFDS image data set by name, read through its random-access files without TensorFlow.

A prepared data set is opened from its files alone, whichever version they are. TensorFlow and a
network are needed only to prepare one that is absent. Records are decoded here, by PIL: TFDS
would decode with OpenCV where that happens to be installed, and pixels must not depend on it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gen_jax.data import decoded
from gen_jax.data.image_folder import decode
from gen_jax.data.spec import DataSpec, Split, held_out, image_shape
from gen_jax.data.stream import StreamSplit
from gen_jax.data.tfds_features import Features, features
from gen_jax.data.tfds_files import directory, line_of, open_prepared
from gen_jax.errors import UserError


def load(config: ConfigDict, split: str, others: tuple[str, ...] = ()) -> Split:
    """A split of a TFDS data set.

    A data set without a "test" split gives its "validation" split, or else every tenth image
    of "train". Grayscale stays one channel; images of 0 and 1 (dsprites) become 0 and 255. Where
    there are ClassLabels named `label_...` beside the label, they are the generative factors.

    Args:
        config: `name`, with TFDS's optional "/config" and ":version"; `dir`, where data sets are
            prepared (None: $TFDS_DATA_DIR, else TFDS's own default), or one of them itself;
            `image_size` and `channels`, 0 for the native ones, otherwise images are cropped to
            the centre, resized and converted; `label`, the ClassLabel feature to use as class (if
            empty, or if there is no ClassLabel at all: one class named "all"); `num_train` and
            `num_test`, at most the first so many, 0 for all; `num_classes`, 0 or the data set's
            own; `stream`, to decode on demand; `cache`, where decoded images are kept.
        split: "train" or "test".
        others: names that are not TFDS's, to offer where a name is unknown.

    Raises:
        UserError: the data set is unknown, absent and not preparable here, only readable by
            TensorFlow, without images or without that label, or damaged.
    """
    builder = open_prepared(config.name, directory(config), others)
    info = builder.info
    chosen = features(config, info)
    shape = image_shape(config, info.features[chosen.image].shape)
    names = chosen.class_names

    kept = {}
    for key in ("train", "test"):
        name, all_positions = positions_of(config.name, info, key)
        kept[key] = name, all_positions[: config[f"num_{key}"] or None]
    tfds_split, positions = kept[split]
    if not len(positions):
        raise UserError(f"{config.name} has no images in its {tfds_split!r} split")
    num_train = len(kept["train"][1])
    spec = DataSpec(config.name, shape, len(names), names, num_train, chosen.named_factors())
    records = _Records(builder, tfds_split, chosen)
    # 0 and 1 for black and white, as in dsprites? The first images tell.
    first = records.read(positions[:64])
    binary = max(decode(file, where, 0, 3).max() for where, file, _ in first) <= 1

    def annotate(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _annotations(records.read(positions[indices]), spec)

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        images = np.empty((len(indices), *shape), np.uint8)
        found = records.read(positions[indices])
        for row, (where, file, _) in enumerate(found):
            image = decode(file, where, config.image_size, shape[2], binary)
            if image.shape != shape:
                raise UserError(f"{where} is {image.shape}, not {shape}")
            images[row] = image
        return images, *_annotations(found, spec)

    stream = StreamSplit(spec, len(positions), read, annotate)
    if config.stream:
        return stream
    asked = {"spec": repr(spec), "features": repr(chosen), "size": config.image_size}
    asked |= {"binary": bool(binary), "kept": [split, len(positions), int(positions[-1])]}
    return decoded.in_memory(stream, records.files(), asked, config.get("cache"))


Record = tuple[str, bytes, list[int]]
"""What to call it in an error, the image file, and its label and factors."""


def _annotations(records: list[Record], spec: DataSpec) -> tuple[np.ndarray, np.ndarray]:
    """Labels [n] and factors [n, F] of records."""
    table = np.array([numbers for *_, numbers in records], np.int64)
    table = table.reshape(len(records), 1 + len(spec.factors))
    return table[:, 0], table[:, 1:]


class _Records:
    """Records by position, images still encoded, and the file each comes from."""

    def __init__(self, builder: Any, split: str, chosen: Features):
        import tensorflow_datasets as tfds

        info = builder.info.splits[split]
        self._chosen = chosen
        self._files = [str(path) for path in info.filepaths]
        self._ends = np.cumsum(info.shard_lengths)
        encoded = {chosen.image: tfds.decode.SkipDecoding()}
        self._source = builder.as_data_source(split, decoders=encoded)

    def files(self) -> list[Path]:
        """All files of the split."""
        return list(map(Path, self._files))

    def read(self, positions: np.ndarray) -> list[Record]:
        """The records at these positions; without a label, the label is 0."""
        wanted = [int(position) for position in positions]
        try:
            records = self._source.__getitems__(wanted)
        except Exception as error:  # the reader does not say which file
            damaged = f"{self._first_failing(wanted)} is missing or damaged ({line_of(error)})"
            raise UserError(f"{damaged}; copy or prepare it again") from error
        image, label, _, factors = self._chosen
        return [
            (
                f"{self._file(i)}: record {i}",
                record[image] or b"",  # a file cut short can give empty records, and no error
                [record[label] if label else 0, *(record[key] for key in factors)],
            )
            for i, record in zip(wanted, records, strict=True)
        ]

    def _file(self, position: int) -> str:
        return self._files[int(np.searchsorted(self._ends, position, side="right"))]

    def _first_failing(self, positions: list[int]) -> str:
        for position in positions:
            try:
                self._source[position]
            except Exception:
                return self._file(position)
        return self._file(positions[0])


def positions_of(data_name: str, info: Any, split: str) -> tuple[str, np.ndarray]:
    """Which TFDS split stands for "train" or "test", and which of its records, in order.

    Raises:
        UserError: the data set has no training split.
    """
    available = info.splits
    if "train" not in available:
        raise UserError(f"{data_name} has no 'train' split, only {', '.join(available)}")
    name = next(key for key in (split, "validation", "train") if key in available)
    size = available[name].num_examples
    only_train = not {"test", "validation"} & set(available)
    positions = held_out(size, split) if only_train else np.arange(size)
    return name, positions
