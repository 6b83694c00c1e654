"""The project as one archive: the files git knows, as they are now."""

import gzip
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from gen_jax.errors import UserError
from gen_jax.train import workdir

ROOT = Path(__file__).resolve().parents[2]


def archive(root: Path) -> tuple[bytes, dict[str, Any]]:
    """A .tar.gz of a checkout, and its commit.

    What git does not know (runs, data, an environment) stays out. The commit goes in as a file, so
    that runs can say it where there is no git.

    Args:
        root: the checkout.

    Returns:
        the archive's bytes and what `workdir.version_of` says.

    Raises:
        UserError: it is no checkout, or git is missing.
    """
    version = workdir.version_of(root)
    content = io.BytesIO()
    # Dates of files stay: Python takes a compiled file for that of a source of its date and size.
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name in _names(root):
            if (root / name).is_file() or (root / name).is_symlink():
                tar.add(root / name, name, recursive=False, filter=_anyones)
        told = tarfile.TarInfo(workdir.COMMIT)
        text = json.dumps(version).encode()
        told.size = len(text)
        tar.addfile(told, io.BytesIO(text))
    return content.getvalue(), version


def unknown(root: Path) -> list[str]:
    """Files of a checkout that git neither knows nor ignores, which are left out."""
    return _names(root, "--others", "--exclude-standard")


def _names(root: Path, *flags: str) -> list[str]:
    if not (root / ".git").exists():
        raise UserError(f"{root} is no git checkout: what belongs to the project is unknown there")
    command = ["git", "-C", str(root), "ls-files", "-z", *flags]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except OSError as error:
        raise UserError(f"git is needed to list the project's files: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise UserError(f"git ls-files failed: {_line(error.stderr)}") from error
    # As paths have them: a name need not be text.
    return sorted(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)


def _line(said: bytes) -> str:
    return " ".join(said.decode(errors="replace").split())[:300]


def _anyones(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    member.mtime = int(member.mtime)
    return member
