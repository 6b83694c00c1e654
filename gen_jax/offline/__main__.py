"""Packs the project, wheels and data for a machine without a network, in parts of at most 60 MiB.

python -m gen_jax.offline OUT [--data=PACKED_DIR ...] [--have=FREEZE.txt] [--wheels=NAME,NAME]
    [--without=NAME,NAME] [--python=3.12] [--platform=manylinux_2_28_x86_64] [--part_mib=60]

OUT gets part_000.tar, ..., manifest.json with their digests, and unpack.py, which puts everything
in place there. FREEZE.txt is what `pip list --format=freeze` printed there: what gen_jax needs and
it does not list is packed, but for TFDS, which packed data (gen_jax.data.pack) do without.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gen_jax.core.files import write_bytes
from gen_jax.data import packed, packed_json
from gen_jax.errors import UserError, line, plain
from gen_jax.offline import parts, project, wheels

MOST_MIB = 60
MANIFEST = "manifest.json"
UNPACK = "unpack.py"


def pack(flags: argparse.Namespace, scratch: Path) -> list[str]:
    """Writes what a command line asks for; returns a line about each thing in it.

    Raises:
        UserError: something cannot be packed; OUT is then as it was.
    """
    out: Path = flags.out
    root = project.ROOT
    if strange := sorted(path.name for path in _entries(out) if not _ours(path.name)):
        raise UserError(f"{out} holds {strange[0]!r} and would be mixed up; take another folder")
    said = []
    archive, version = project.archive(root)
    write_bytes(scratch / "project.tar.gz", archive)
    files = {"project.tar.gz": scratch / "project.tar.gz"}
    said.append(
        f"project: commit {version['git_commit']}" + (", changed" if version["git_dirty"] else "")
    )
    if others := project.unknown(root):
        said.append(
            f"left out, since git does not know them: {', '.join(others[:8])}"
            + (" ..." if others[8:] else "")
        )
    for folder in flags.data:
        for name, path in _data(folder).items():
            if name in files:
                raise UserError(f"--data={folder}: {name} is in another --data folder as well")
            files[name] = path
            said += [f"data: {path.parent}"] if path.name == packed_json.FILE else []
    for path in _wheels(flags, scratch / "wheels", root):
        files[f"wheels/{path.name}"] = path
        said.append(f"wheel: {path.name}")
    archives = parts.plan(files, int(flags.part_mib * 2**20))
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(_entries(out), key=lambda path: path.name != MANIFEST):
        path.unlink()
    written = []
    for number, pieces in enumerate(archives):
        written.append(parts.write(out / f"part_{number:03}.tar", pieces))
        said.append(f"{out / written[-1].name}: {written[-1].bytes / 2**20:.1f} MiB")
    shutil.copyfile(Path(__file__).with_name(UNPACK), out / UNPACK)
    manifest = {
        "format": 1,
        **version,
        "files": sorted(files),
        "parts": [part._asdict() for part in written],
    }
    write_bytes(out / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    return [*said, f"there, with all of {out} in one folder: python {UNPACK}"]


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _ours(name: str) -> bool:
    return name in (MANIFEST, UNPACK) or re.fullmatch(r"part_\d{3,}\.tar", name) is not None


def _data(folder: Path) -> dict[str, Path]:
    """Files of all packed data sets in a directory, by their names in an archive, verified."""
    found: dict[str, Path] = {}
    for about in sorted(folder.glob(f"*/{packed_json.FILE}")):
        told = packed_json.read(about.parent)
        names = [about.name]
        for split, files in told.files.items():
            for number in range(len(files)):
                packed.content(told, split, number, about.parent)
                names.append(packed_json.file_name(split, number))
        found |= {f"data/{about.parent.name}/{name}": about.with_name(name) for name in names}
    if not found:
        raise UserError(
            f"--data={folder}: no packed data set in it; "
            "python -m gen_jax.data.pack --config=configs/NAME.py makes one"
        )
    return found


def _wheels(flags: argparse.Namespace, folder: Path, root: Path) -> list[Path]:
    target = wheels.Target(flags.python, flags.platform)
    wanted = wheels.named(_listed(flags.wheels))
    if flags.have:
        try:
            there = wheels.installed(flags.have.read_text(encoding="utf-8", errors="replace"))
        except UserError as error:
            raise UserError(f"--have={flags.have}: {error}") from error
        needed = wheels.requirements(root)
        missing = wheels.lacking(needed, there, _listed(flags.without), target)
        wanted += [f"{name}=={version}" for name, version in missing.items()]
    return wheels.download(wanted, target, folder) if wanted else []


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see python -m gen_jax.offline --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m gen_jax.offline",
        description="Packs the project, wheels and data for a machine without a network.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("out", type=Path, metavar="OUT", help="the folder to write to")
    add("--data", type=Path, action="append", default=[], help="a folder of gen_jax.data.pack")
    add("--have", type=Path, help="what pip list --format=freeze printed there")
    add("--wheels", default="", help="packages to take in any case, by name, commas between")
    add("--without", default=",".join(wheels.WITHOUT), help="packages to leave out: %(default)s")
    add("--python", default="", help="the Python there, such as 3.12; default as here")
    add("--platform", default="", help="such as manylinux_2_28_x86_64; default as here")
    add("--part_mib", type=float, default=MOST_MIB, help="the most of a part; %(default)s")
    return parser


def main(argv: Sequence[str]) -> int:
    """Runs one command line; returns the exit code, 2 for a user's error."""
    try:
        flags = _parser().parse_args(argv)
        if not 1 <= flags.part_mib <= 2**20:
            raise UserError("--part_mib must be 1 or more")
        with tempfile.TemporaryDirectory(prefix="gen_jax_offline.") as scratch:
            said = pack(flags, Path(scratch))
    except (UserError, OSError) as error:
        print(line(error), file=sys.stderr)
        return 2
    print("\n".join(map(plain, said)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
