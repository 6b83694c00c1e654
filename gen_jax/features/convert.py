"""Inception-v3's PyTorch checkpoint as an .npz that reads without PyTorch, batch norm folded in.

python -m gen_jax.features.convert pt_inception-2015-12-05-6726825d.pth inception.npz

Takes PyTorch, once (pip install -e '.[torch]'). The same checkpoint gives the same bytes.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError, line
from gen_jax.features import archive, inception, inception_weights
from gen_jax.features.network import Misfit


def convert(source: Path, target: Path) -> inception_weights.Weights:
    """Writes what a file holds of the network under the graph's names; returns it.

    Raises:
        UserError: the source is missing, damaged or of something else, or the target is no .npz.
    """
    if target.suffix != ".npz":
        raise UserError(f"{target}: the file to write must be called .npz")
    if not source.is_file():
        raise UserError(f"{source} is not a file; {inception.OBTAIN}")
    try:
        weights = inception_weights.unpack(archive.read(source))
    except Misfit as error:
        raise UserError(f"{source} is not Inception-v3 of 2015: {error}") from error
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **weights.arrays)
    write_bytes(target, content.getvalue())
    return weights


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; python -m gen_jax.features.convert IN.pth OUT.npz")


def main(argv: Sequence[str]) -> int:
    """Runs one command line; returns the exit code, 2 for a user's error."""
    parser = _Parser(
        prog="python -m gen_jax.features.convert",
        description="Inception-v3 for FID: PyTorch's checkpoint to an .npz",
    )
    parser.add_argument("source", type=Path, metavar="IN.pth")
    parser.add_argument("target", type=Path, metavar="OUT.npz")
    try:
        flags = parser.parse_args(argv)
        weights = convert(flags.source, flags.target)
    except (UserError, OSError) as error:
        print(line(error), file=sys.stderr)
        return 2
    print(f"{flags.target}: Inception-v3 up to {weights.taps[-1]}, {len(weights.arrays)} arrays")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
