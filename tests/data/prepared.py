"""TFDS directories written by hand, without TensorFlow."""

import io
import itertools
import json

import numpy as np
import tensorflow_datasets
from array_record.python.array_record_module import ArrayRecordWriter
from ml_collections import ConfigDict
from PIL import Image

features = tensorflow_datasets.features


def section(directory, **changes):
    defaults = {
        "name": "mnist", "dir": str(directory) if directory else None, "image_size": 0,
        "channels": 0, "num_classes": 0, "num_train": 0, "num_test": 0, "flip": False,
        "stream": False, "label": "label",
    }  # fmt: skip
    return ConfigDict(defaults | changes)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(file, "PNG")
    return file.getvalue()


def example(values):
    """A serialised tf.train.Example, by TFDS's own copy of the protocol buffer."""
    from tensorflow_datasets.proto import tf_example_pb2

    record = tf_example_pb2.Example()
    for key, value in values.items():
        feature = record.features.feature[key]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        else:
            feature.int64_list.value.append(int(value))
    return record.SerializeToString()


def prepare(root, splits, kinds, name="mnist", version="3.0.1", file_format="array_record"):
    """Writes what TFDS would have prepared.

    Args:
        root: the data directory.
        splits: name -> list of shards -> list of {feature: value}.
        kinds: feature name -> TFDS feature.
    """
    folder = root / name / version
    folder.mkdir(parents=True)
    described = []
    for split, shards in splits.items():
        for i, shard in enumerate(shards):
            path = folder / f"{name}-{split}.{file_format}-{i:05}-of-{len(shards):05}"
            writer = ArrayRecordWriter(str(path), "group_size:1")
            for values in shard:
                writer.write(example(values))
            writer.close()
        described.append({
            "name": split, "numBytes": "1", "shardLengths": [str(len(s)) for s in shards],
            "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        })  # fmt: skip
    features.FeaturesDict(kinds).save_config(str(folder))
    (folder / "dataset_info.json").write_text(
        json.dumps(
            {"name": name, "version": version, "fileFormat": file_format, "splits": described}
        )
    )
    return folder


KINDS = {
    "image": features.Image(shape=(6, 4, 1)),
    "label": features.ClassLabel(names=["even", "odd"]),
    "size": features.ClassLabel(num_classes=5),
}


def record(i, shape=(6, 4, 1)):
    image = np.full(shape, 10 * i, np.uint8)
    image[0, 0] = 255
    return {"image": png(image), "label": i % 2, "size": i % 5}


def shards(*counts):
    starts = np.cumsum([0, *counts])
    return [[record(i) for i in range(a, b)] for a, b in itertools.pairwise(starts)]
