"""What the machine has: its processor, its memory, and the user's folder for what can be remade."""

import os
import platform
import re
from pathlib import Path

from gen_jax.core.files import expanded

_CPUINFO = Path("/proc/cpuinfo")


def processor() -> str:
    """The processor's name, where the system tells."""
    told = re.search(r"model name\s*:\s*(.+)", _cpuinfo())
    return told[1] if told else platform.processor()


def instructions() -> str:
    """What tells one kind of processor from another: its name and its instructions."""
    wanted = ("model name", "flags", "Features")
    told = {line for line in _cpuinfo().splitlines() if line.startswith(wanted)}
    return "\n".join(sorted(told)) or f"{platform.machine()} {platform.processor()}"


def memory() -> int | None:
    """Bytes of memory in all; None if the platform does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):
        return None


def cache(kind: str) -> Path:
    """The user's folder of what can be made again, of one kind."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(home) / "gen_jax" / kind


def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text()
    except OSError:  # not Linux
        return ""
