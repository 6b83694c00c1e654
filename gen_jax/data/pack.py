"""Packs the data set of a config, for machines without TFDS and without a network.

python -m gen_jax.data.pack --config=configs/NAME.py [--config.KEY=VALUE ...] OUT_DIR

Where OUT_DIR is TFDS_DATA_DIR or data.dir, the same config reads it. The keys of the config's
`data` section say what is packed; `flip`, `train_classes` and `stream` do not matter, and fewer
images (`num_train`, `num_test`) can be asked for later. The same data give the same bytes.
"""

import argparse
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax.core import npz
from gen_jax.core.files import sweep, write_bytes
from gen_jax.data import SOURCES, packed, packed_json, stacked_mnist, tfds, tfds_features
from gen_jax.data.packed_json import FILE, HEADERS, MOST_BYTES, SPLITS, File, Packed, file_name
from gen_jax.data.spec import ArraySplit, image_shape
from gen_jax.data.tfds_files import directory, open_prepared
from gen_jax.errors import UserError, line

USUAL_MIB = 56
SAMPLE = 1000
"""Images that are compressed to learn how many make a file."""
_OURS = re.compile(rf"{re.escape(FILE)}|(train|test)_\d{{3,}}\.npz|\..*\.\d+")


def pack(
    section: ConfigDict, out: Path, most_bytes: int = USUAL_MIB * 2**20
) -> Iterator[tuple[Path, str]]:
    """Writes a data set's files, packed.json last; yields each with what is in it.

    Args:
        section: a config's `data` section.
        out: the directory to write to; the data set gets a folder of its own in it.
        most_bytes: of one file, at most 60 MiB.

    Raises:
        UserError: the data set needs no packing, cannot be read, or has a label or a factor that is
            none of its values; its folder holds something else; one image is over `most_bytes`.
    """
    section = _readable(section)
    folder = packed.place(out, section.name)
    for path in folder.iterdir() if folder.is_dir() else ():
        if not _OURS.fullmatch(path.name):
            raise UserError(f"{folder} holds {path.name!r} and would be mixed up; pack elsewhere")
    about = _described(section)
    sweep(folder)
    (folder / FILE).unlink(missing_ok=True)
    for path in folder.glob("*.npz"):
        path.unlink()
    for split in SPLITS:
        source = tfds.load(section, split, tuple(SOURCES))
        assert isinstance(source, ArraySplit)
        about = about._replace(
            class_names=source.spec.class_names,
            factors=source.spec.factors,
            files=about.files | {split: ()},
        )
        for images, content in _contents(source, about, most_bytes, f"{section.name}/{split}"):
            path = folder / file_name(split, len(about.files[split]))
            write_bytes(path, content)
            file = File(images, len(content), hashlib.sha256(content).hexdigest())
            about = about._replace(
                files=about.files | {split: (*about.files[split], file)},
            )
            yield path, f"{images} images, {len(content) / 2**20:.1f} MiB"
    text = json.dumps(packed_json.to_json(about), indent=1) + "\n"
    write_bytes(folder / FILE, text.encode())
    total = sum(file.bytes for files in about.files.values() for file in files)
    yield folder / FILE, f"{len(about.class_names)} classes, {total / 2**20:.1f} MiB in all"


def _readable(section: ConfigDict) -> ConfigDict:
    """The section of what TFDS is to read; UserError for what it does not read."""
    if section.name == stacked_mnist.NAME:
        return stacked_mnist.digits_section(section)
    if section.name == "folder":
        raise UserError("data.name='folder' needs no packing: copy the folder as it is")
    if section.name in SOURCES:
        raise UserError(
            f"data.name={section.name!r} needs no packing: it is made where it is used, "
            "from nothing but the config"
        )
    return ConfigDict(section.to_dict() | {"stream": False})


def _described(section: ConfigDict) -> Packed:
    """What a data set is to its packed copy, without its classes and files."""
    builder = open_prepared(section.name, directory(section), tuple(SOURCES))
    chosen = tfds_features.features(section, builder.info)
    native = tuple(builder.info.features[chosen.image].shape)
    return Packed(
        name=section.name,
        native=native,
        shape=image_shape(section, native),
        label=chosen.label,
        labels=tfds_features.class_labels(builder.info),
        class_names=(),
        factors=(),
        sizes={
            split: len(tfds.positions_of(section.name, builder.info, split)[1]) for split in SPLITS
        },
        files={},
    )


def _contents(
    source: ArraySplit, about: Packed, most_bytes: int, where: str
) -> Iterator[tuple[int, bytes]]:
    """The .npz files of a split: number of images and bytes of each."""
    factors = source.factors(np.arange(len(source)))
    whole = dict(zip(packed.ARRAYS, (source.images, source.labels, factors), strict=True))
    packed.check_values(about, whole, where)
    most_images = max(1, (npz.MOST_BYTES // 2 - HEADERS) // about.unfolded(1))
    sample = _compressed(whole, 0, SAMPLE)
    a_image = len(sample) / min(SAMPLE, len(source))
    start = 0
    while start < len(source):
        count = max(1, min(most_images, int(0.98 * most_bytes / a_image)))
        content = _compressed(whole, start, count)
        while len(content) > most_bytes:
            if count == 1:
                raise UserError(f"{where}: an image takes {len(content)} bytes, over {most_bytes}")
            count = max(1, int(0.98 * count * most_bytes / len(content)))
            content = _compressed(whole, start, count)
        count = min(count, len(source) - start)
        a_image = len(content) / count
        yield count, content
        start += count


def _compressed(arrays: dict[str, np.ndarray], start: int, count: int) -> bytes:
    # NumPy dates the members of its archives 1980: the same arrays are the same bytes.
    content = io.BytesIO()
    some = {name: array[start : start + count] for name, array in arrays.items()}
    np.savez_compressed(content, allow_pickle=False, **some)
    return content.getvalue()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; python -m gen_jax.data.pack --config=configs/NAME.py OUT_DIR")


def main(argv: Sequence[str]) -> int:
    """Runs one command line; returns the exit code, 2 for a user's error."""
    parser = _Parser(
        prog="python -m gen_jax.data.pack",
        usage="%(prog)s --config=configs/NAME.py [--config.KEY=VALUE ...] [--part_mib=N] OUT_DIR",
        description="Packs a config's data set for machines without TFDS and without a network.",
        allow_abbrev=False,
    )
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument(
        "--part_mib",
        type=float,
        default=USUAL_MIB,
        help=f"the most of one file, up to {MOST_BYTES // 2**20}; default {USUAL_MIB}",
    )
    try:
        path, overrides, rest = configs.split_args(argv)
        flags = parser.parse_args(rest)
        if not 0 < flags.part_mib * 2**20 <= MOST_BYTES:
            raise UserError(f"--part_mib must be above 0 and at most {MOST_BYTES // 2**20}")
        if path is None:
            raise UserError("say whose data to pack: --config=configs/NAME.py")
        config = configs.load(path)
        configs.check_against_base(config, configs.base())
        config = configs.override(config, overrides)
        configs.check_values(config)
        for written, about in pack(config.data, flags.out, int(flags.part_mib * 2**20)):
            print(f"{written}: {about}", flush=True)
    except (UserError, OSError) as error:
        print(line(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
