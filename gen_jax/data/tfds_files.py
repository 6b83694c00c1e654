"""The files of a TFDS data set: found, whichever version they are, or prepared where absent."""

import difflib
import importlib.util
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from absl import logging
from ml_collections import ConfigDict

from gen_jax.core.files import expanded
from gen_jax.errors import UserError

HOME = "~/tensorflow_datasets"
"""Where TFDS looks if nobody says where."""
OTHERWISE = (
    "or point --config.data.dir or TFDS_DATA_DIR at a directory that has it prepared, "
    "or use --config.data.name=shapes, which needs nothing"
)
# Any of them answering means there is a network; TFDS itself retries for minutes without one.
PROBES = ("https://storage.googleapis.com", "https://www.tensorflow.org")


def directory(config: ConfigDict) -> str | None:
    """The directory that a config's `data` section names, else $TFDS_DATA_DIR; None for neither."""
    named = config.dir or os.environ.get("TFDS_DATA_DIR")
    return os.path.expanduser(named) if named else None


def open_prepared(name: str, data_dir: str | None, others: tuple[str, ...]) -> Any:
    """A builder of a prepared data set in a random-access format.

    Args:
        name: the data set's, with TFDS's optional "/config" and ":version".
        data_dir: where to look, as `directory` has it.
        others: names that are not TFDS's, to offer where a name is unknown.

    Raises:
        UserError: the data set is unknown, absent and not preparable here, or only readable by
            TensorFlow; or TFDS is not installed.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            f"data set {name!r} is not packed at {data_dir or HOME}, and tensorflow_datasets, "
            f"which reads it otherwise, is not installed ({line_of(error)}): pack it on a machine "
            "that has it, python -m gen_jax.data.pack, or use --config.data.name=shapes"
        ) from error
    loud = logging.get_verbosity()
    try:
        logging.set_verbosity(logging.ERROR)  # TFDS tells what it does not find as we look
        builder = _find(name, data_dir, others)
    except UserError:
        raise
    except Exception as error:  # TFDS asserts, parses and looks up with as many exception types
        raise UserError(f"cannot open data set {name!r}: {line_of(error)}") from error
    finally:
        logging.set_verbosity(loud)
    if not (builder.data_path / "dataset_info.json").exists():
        _prepare(name, builder)
        builder = _find(name, data_dir, others)
    if not builder.info.available_file_formats() & tfds.core.FileFormat.with_random_access():
        raise UserError(
            f"{builder.data_path} is prepared as {builder.info.file_format.value}, which only "
            "TensorFlow reads; prepare it again elsewhere: "
            f"tfds build {name} --data_dir=NEW_DIR --file_format=array_record, "
            "then pass --config.data.dir=NEW_DIR"
        )
    return builder


def _find(name: str, data_dir: str | None, others: tuple[str, ...]) -> Any:
    """A builder, of files where there are any, else of TFDS's own code."""
    import tensorflow_datasets as tfds

    root = name.split("/")[0].split(":")[0]
    if data_dir and (Path(data_dir) / "dataset_info.json").is_file():
        builder = tfds.builder_from_directory(data_dir)
        if builder.name != root:
            raise UserError(f"{data_dir} holds {builder.name!r}, not {root!r}")
        return builder
    # Asking TFDS for an unknown name would import its community list, which wants TensorFlow.
    known = tfds.list_builders(with_community_datasets=False)
    home = expanded(data_dir or HOME)
    if not root or (root not in known and not (home / root).is_dir()):
        near = difflib.get_close_matches(root, [*known, *others], 4, 0.5)
        hint = f"nearest: {', '.join(near)}" if near else "the embedded one is 'shapes'"
        raise UserError(f"unknown data set {name!r} ({hint})")
    if ":" not in name:
        # With a version, even "any", TFDS looks for files before it looks at its own code.
        builder = tfds.builder(f"{name}:*.*.*", data_dir=data_dir)
        if (builder.data_path / "dataset_info.json").exists():
            return builder
    return tfds.builder(name, data_dir=data_dir)


def _prepare(name: str, builder: Any) -> None:
    """Downloads and writes the data set, or says why it cannot be done here."""
    absent = f"data set {name!r} is not prepared at {builder.data_path}"
    if importlib.util.find_spec("tensorflow") is None:
        raise UserError(
            f"{absent}, and preparing it needs TensorFlow: pip install -e '.[tf]', {OTHERWISE}"
        )
    if not any(map(_answers, PROBES)):
        raise UserError(f"{absent}, and there is no network to download it: connect, {OTHERWISE}")
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # it would take all of the GPU's memory from JAX
    try:
        builder.download_and_prepare(file_format="array_record")
    except Exception as error:  # downloads, disks and each data set's own code fail in every way
        raise UserError(
            f"{absent}, and preparing it failed: {line_of(error)}; {OTHERWISE}"
        ) from error


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # an answer, if not a welcome
    except OSError:
        return False
    return True


def line_of(error: Exception) -> str:
    """An exception of somebody else's as part of a line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
