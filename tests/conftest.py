"""What every test runs under; set before anything imports JAX."""

import gc
import os
import tempfile
from pathlib import Path

from gen_jax.core import xla

# Eight virtual devices on any machine; tests of one device say so themselves. Compiling is nearly
# all that tests of tiny nets do, and unoptimised code is there in half the time.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=8",
        "--xla_backend_optimization_level=0",
        # A third of the compiling, for speed that tests of tiny nets do not need.
        "--xla_cpu_use_fusion_emitters=false" if xla.knows("xla_cpu_use_fusion_emitters") else "",
        # Eight devices on two busy cores may wait for each other longer than XLA's 40 s.
        "--xla_cpu_collective_call_terminate_timeout_seconds=900",
        "--xla_cpu_collective_call_warn_stuck_timeout_seconds=300",
    ]
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

# Tests compile the same steps again and again, some of them in processes of their own. A cache that
# lives as long as the session shares the executables, and cannot bring in another machine's.
_compiled = tempfile.TemporaryDirectory(prefix="gen_jax_tests_")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _compiled.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
# Features of real images are kept there by default: none of the user's.
os.environ["XDG_CACHE_HOME"] = _compiled.name

import hypothesis  # noqa: E402
import jax  # noqa: E402
import pytest  # noqa: E402

# [B, 1] logits against [B] labels would broadcast to [B, B] silently.
jax.config.update("jax_numpy_rank_promotion", "raise")

# The same examples in every run; no deadline, because the first example of a property compiles.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")

# Tracing makes objects by the hundred thousand, nearly all of which stay.
gc.set_threshold(100_000, 20, 50)

MAPS = Path("/proc/self/maps")


@pytest.fixture(autouse=True, scope="module")
def _let_go_of_executables():
    """Every compiled program holds memory maps, and Linux allows a process 65,530: LLVM aborts."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > 15_000:
        jax.clear_caches()
        gc.collect()


def pytest_sessionfinish():
    """Collects once: pytest would five times, and each takes seconds among so many objects."""
    jax.clear_caches()
    gc.collect()
    gc.freeze()
