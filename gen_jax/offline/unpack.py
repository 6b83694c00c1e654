"""Puts in place what `python -m gen_jax.offline` packed: no network, and Python's library alone.

python unpack.py [DIR]

The parts and manifest.json lie beside this file, which stands alone. DIR, by default this folder,
gets `project`, `data` and `site`; what else is in it stays, runs in `project` among it. Parts that
are missing or damaged are named, and nothing is changed.
"""

import gzip
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

MANIFEST = "manifest.json"
SCRATCH = ".unpacking"
BLOCK = 2**20


class Refusal(Exception):
    """What is wrong, as one line."""


def unpack(source: Path, target: Path) -> list[str]:
    """Verifies the parts in `source` and puts their content into `target`.

    Returns:
        the lines to type next.

    Raises:
        Refusal: parts are missing or damaged, a member would leave the folder, or pip fails.
    """
    if not hasattr(tarfile, "data_filter"):
        raise Refusal(
            "this Python cannot refuse members that leave the folder; take 3.11.4 or newer"
        )
    manifest = _manifest(source)
    _check(source, manifest["parts"])
    target.mkdir(parents=True, exist_ok=True)
    scratch = target / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        for part in manifest["parts"]:
            _extract(source / part["name"], scratch / "content")
        _join(scratch / "content")
        site = _install(sorted((scratch / "content" / "wheels").glob("*.whl")), scratch / "site")
        project = scratch / "content" / "project.tar.gz"
        if project.is_file():
            _extract(project, scratch / "project")
            _place(scratch / "project", target / "project")
        _place(scratch / "content" / "data", target / "data")
        if site:
            shutil.rmtree(target / "site", ignore_errors=True)
            os.replace(scratch / "site", target / "site")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _next(target)


def _manifest(source: Path) -> dict:
    path = source / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        for part in manifest["parts"]:
            if not re.fullmatch(r"part_\d{3,}\.tar", part["name"]):
                raise ValueError(f"a part has the name {part['name']!r}")
            part["sha256"], part["bytes"]
    except FileNotFoundError:
        raise Refusal(
            f"{path} is missing: it is in one of the deliveries, beside this file"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refusal(f"{path} cannot be read ({error}); copy it again") from error
    return manifest


def _check(source: Path, parts: list[dict]) -> None:
    """Raises Refusal unless all parts are there and are what they were."""
    missing, damaged = [], []
    for part in parts:
        path = source / part["name"]
        if not path.is_file():
            missing.append(part["name"])
            continue
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        if digest.hexdigest() != part["sha256"]:
            damaged.append(part["name"])
    if missing or damaged:
        lists = {"missing": missing, "damaged": damaged}
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in lists.items() if names)
        raise Refusal(
            f"{told} ({len(parts) - len(missing) - len(damaged)} of {len(parts)} parts are whole); "
            f"put them into {source} and run this again"
        )


def _extract(archive: Path, folder: Path) -> None:
    """All members, none of which may lead out of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise Refusal(f"{archive.name}: {error}") from error
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refusal(f"{archive.name} is no archive ({error}); pack it again") from error


def _join(folder: Path) -> None:
    """Files that were cut, from NAME.piece_000, NAME.piece_001, ..."""
    for first in sorted(folder.rglob("*.piece_000")):
        with first.with_suffix("").open("wb") as whole:
            pieces = first.parent.glob(f"{first.stem}.piece_*")
            for piece in sorted(pieces, key=lambda path: int(path.name.rpartition("_")[2])):
                with piece.open("rb") as file:
                    shutil.copyfileobj(file, whole, BLOCK)
                piece.unlink()


def _install(wheels: list[Path], site: Path) -> bool:
    """Installs wheels, all of them given, into a folder; returns whether there are any."""
    if not wheels:
        return False
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-index", "--no-deps", "--no-warn-script-location", f"--target={site}"]
    done = subprocess.run([*command, *map(str, wheels)], capture_output=True, text=True)
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise Refusal(f"pip install failed: {told[-1]}")
    return True


def _place(source: Path, target: Path) -> None:
    """Moves files over older ones, packed.json after what it tells of; links and all."""
    names = [
        Path(folder, name)
        for folder, folders, files in os.walk(source)
        for name in (*files, *(each for each in folders if Path(folder, each).is_symlink()))
    ]
    for path in sorted(names, key=lambda path: (path.name == "packed.json", path)):
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, to)


def _next(target: Path) -> list[str]:
    target = target.resolve()
    paths = [str(target / name) for name in ("project", "site") if (target / name).is_dir()]
    line = f"export PYTHONPATH={shlex.quote(os.pathsep.join(paths))}"
    if (target / "data").is_dir():
        line += f" TFDS_DATA_DIR={shlex.quote(str(target / 'data'))}"
    return [line, f"cd {shlex.quote(str(target / 'project'))} && python run.py --queue=FILE"]


def main(argv: list[str]) -> int:
    """Runs one command line; returns the exit code, 2 for whatever stands in the way."""
    here = Path(__file__).resolve().parent
    try:
        if len(argv) > 1 or any(arg.startswith("-") for arg in argv):
            raise Refusal("python unpack.py [DIR]")
        lines = unpack(here, Path(argv[0]) if argv else here)
    except Refusal as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
