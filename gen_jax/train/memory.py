"""The most memory a run has held so far, as the operating system and the devices count it."""

import re
import sys
from pathlib import Path

import jax

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

STATUS = Path("/proc/self/status")
_GIB = 1024**3


def peaks() -> dict[str, float]:
    """Peaks since the process began, in GiB; a call costs microseconds.

    Returns:
      "memory/host", the largest resident set of the process, where the system counts it; and
      "memory/device", the peak of the device that held most, where devices count theirs: CPUs do
      not.
    """
    found = {}
    # Linux hands a parent's peak down to its children in what getrusage says, not here.
    mark = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text()) if STATUS.is_file() else None
    if mark is not None:
        found["memory/host"] = int(mark[1]) * 1024 / _GIB
    elif resource is not None:
        unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others KiB
        found["memory/host"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _GIB
    statistics = [device.memory_stats() or {} for device in jax.local_devices()]
    counted = [each["peak_bytes_in_use"] for each in statistics if "peak_bytes_in_use" in each]
    if counted:
        found["memory/device"] = max(counted) / _GIB
    return found
