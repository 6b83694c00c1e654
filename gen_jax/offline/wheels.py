"""Wheels that another machine lacks: which they are, and how they are had."""

import configparser
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from gen_jax.errors import UserError

WITHOUT = ("tensorflow-datasets", "array-record", "importlib-resources")
"""What packed data do without."""
OLDEST_GLIBC = 17  # manylinux2014; jaxlib runs on none older
_MACHINES = re.compile(r"(manylinux|musllinux|linux|macosx|win)\w*?_(x86_64|amd64|aarch64|arm64)$")
_SYSTEMS = {"macosx": ("darwin", "Darwin"), "win": ("win32", "Windows")}


class Target(NamedTuple):
    """The other machine: its Python, such as "3.12", and pip's platform tag; "" as here."""

    python: str = ""
    platform: str = ""


def requirements(root: Path) -> list[str]:
    """What a checkout's setup.cfg says gen_jax needs."""
    setup = configparser.ConfigParser()
    setup.read_string((root / "setup.cfg").read_text(encoding="utf-8"))
    return [line for line in setup["options"]["install_requires"].splitlines() if line]


def installed(text: str) -> dict[str, str]:
    """Versions by canonical name, from what `pip list --format=freeze` or `pip freeze` printed.

    A package that comes from elsewhere than an index (`name @ url`) has the version "".

    Raises:
        UserError: there is none.
    """
    lines = re.finditer(r"(?m)^([A-Za-z0-9][\w.-]*) ?(?:==(\S+)|@ \S.*)\s*$", text)
    found: dict[str, str] = {canonicalize_name(line[1]): line[2] or "" for line in lines}
    if not found:
        raise UserError("no NAME==VERSION in it: it must be what pip list --format=freeze printed")
    return found


def lacking(
    needed: Iterable[str], there: Mapping[str, str], without: Collection[str], target: Target
) -> dict[str, str]:
    """What must be installed on a machine beside what it has, with the versions there are here.

    What a package needs is read from the one installed here. What a package that is there needs
    in turn is taken to be there as well, but for extras that are asked of it.

    Args:
        needed: requirements, as setup.cfg has them.
        there: versions of what the machine has, by canonical name.
        without: names of packages that are left out, with what only they need.
        target: what markers are evaluated for.

    Returns:
        versions by canonical name, sorted.

    Raises:
        UserError: something is needed that is not installed here, or JAX is too old there.
    """
    left_out = {canonicalize_name(name) for name in without}
    environment = _environment(target)
    todo = [Requirement(text) for text in needed]
    todo = [each for each in todo if _applies(each, environment, "")]
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in left_out:
            continue
        if not _satisfied(wanted, there.get(name)):
            found[name] = _version_here(name)
            if name in there and re.fullmatch(r"jax(lib|-.+)?", name):
                raise UserError(
                    f"{name} {there[name]} there is not {wanted.specifier}, and what runs it on "
                    f"that machine's devices cannot be packed: update it there, or --without={name}"
                )
        for extra in [*([""] if name in found else []), *sorted(wanted.extras)]:
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo += _asked(name, extra, environment)
    return dict(sorted(found.items()))


def _asked(name: str, extra: str, environment: dict[str, str]) -> list[Requirement]:
    """What a package needs, or what it needs for an extra alone."""
    _version_here(name)
    parsed = [Requirement(text) for text in metadata.requires(name) or ()]
    always = [each for each in parsed if _applies(each, environment, "")]
    if not extra:
        return always
    return [each for each in parsed if each not in always and _applies(each, environment, extra)]


def _applies(wanted: Requirement, environment: dict[str, str], extra: str) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({**environment, "extra": extra})


def _satisfied(wanted: Requirement, version: str | None) -> bool:
    if not version:
        return version is not None  # from elsewhere than an index: whoever put it there knows
    try:
        return wanted.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _version_here(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        raise UserError(
            f"{name} is needed there and not installed here, so what it needs is unknown: "
            f"pip install {name}, or --without={name}"
        ) from None


def named(names: Iterable[str]) -> list[str]:
    """Requirements as pip takes them: a bare name has the version it has here, if any.

    Raises:
        UserError: one is no requirement.
    """
    made = []
    for name in names:
        try:
            bare = not Requirement(name).specifier
        except InvalidRequirement as error:
            raise UserError(f"--wheels: {name!r} is no package's name") from error
        try:
            made.append(f"{name}=={metadata.version(name)}" if bare else name)
        except metadata.PackageNotFoundError:
            made.append(name)
    return made


def download(wanted: Sequence[str], target: Target, folder: Path) -> list[Path]:
    """Has pip put wheels for another machine into a folder; nothing is built.

    Raises:
        UserError: pip is missing or fails; the line has pip's own reason.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", f"--dest={folder}"]
    command += [f"--python-version={target.python}"] if target.python else []
    command += [f"--platform={tag}" for tag in tags(target.platform)]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        told = errors or done.stderr.splitlines() or ["no reason given"]
        raise UserError(f"pip download failed: {told[-1][:300]}; or leave it out (--without)")
    return sorted(folder.glob("*.whl"))


def tags(platform: str) -> list[str]:
    """A platform tag with all that such a machine runs as well: pip knows only some of them."""
    newest = re.fullmatch(r"manylinux_2_(\d{1,3})_(\w+)", platform)
    if newest is None:
        return [platform] if platform else []
    oldest = min(int(newest[1]), OLDEST_GLIBC)
    versions = range(int(newest[1]), oldest - 1, -1)
    made = [f"manylinux_2_{version}_{newest[2]}" for version in versions]
    return [*made, *([f"manylinux2014_{newest[2]}"] if int(newest[1]) >= OLDEST_GLIBC else [])]


def _environment(target: Target) -> dict[str, str]:
    """What markers see there; UserError for a Python or a platform that is none."""
    environment = {key: str(value) for key, value in default_environment().items()}
    if target.python:
        if not re.fullmatch(r"3\.\d{1,2}", target.python):
            raise UserError(f"--python={target.python!r} must be like 3.12")
        environment |= {
            "python_version": target.python,
            "python_full_version": target.python + ".0",
        }
    if target.platform:
        known = _MACHINES.match(target.platform)
        if known is None:
            raise UserError(f"--platform={target.platform!r} must be like manylinux_2_28_x86_64")
        system, name = _SYSTEMS.get(known[1], ("linux", "Linux"))
        environment |= {"sys_platform": system, "platform_system": name}
        environment |= {
            "platform_machine": known[2],
            "os_name": "nt" if system == "win32" else "posix",
        }
    return environment
