"""What is asked of XLA before a backend starts: fast code, and to compile a program only once."""

import hashlib
import mmap
import os
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from gen_jax.core import heap, machine

FLAGS = {
    # jaxlib 0.10 has XLA:CPU give convolutions to YNNPACK, which takes longer than Eigen for
    # strided ones, and twice as long for gradients of their kernels (`benchmarks/strided.py`).
    "xla_cpu_experimental_ynn_fusion_type": "",
    # The older emitters of fusions compile a step of the flagship in 0.7 of the time, into code
    # that is about as fast (`benchmarks/settings.py`).
    "xla_cpu_use_fusion_emitters": "false",
}
"""Flags of XLA:CPU and what they are set to."""
CPU_ALONE = {
    # LLVM's higher levels compile an initial state in twice the time or more, a step in 1.2 to 1.6
    # times, into code that is no faster (`benchmarks/settings.py --setting=level`).
    "xla_backend_optimization_level": "1",
}
"""Flags of every backend, for where a CPU is the only one."""
CACHE_BYTES = 2 * 1024**3
"""Size of the folder of compiled programs beyond which the oldest go."""
CACHE_SECONDS = 0.3
"""Programs that take less to compile are not worth a file."""


def prepare() -> None:
    """Sets flags, where compiled programs are kept and how memory is, but for what the user has.

    Must come before JAX's backend is started; afterwards flags would be recorded that are not in
    force, so it does nothing.
    """
    # `knows` is asked before anything may import JAX (`tests/conftest.py`).
    import jax

    from gen_jax.core.determinism import started

    if started():
        return
    heap.keep()
    given = os.environ.get("XLA_FLAGS", "")
    ours = FLAGS | (CPU_ALONE if cpu_alone() else {})
    wanted = [f"--{n}={v}" for n, v in ours.items() if f"--{n}" not in given and knows(n)]
    os.environ["XLA_FLAGS"] = " ".join([given, *wanted]).strip()
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(programs()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", CACHE_SECONDS)
        if _bounded():
            jax.config.update("jax_compilation_cache_max_size", CACHE_BYTES)


def cpu_alone() -> bool:
    """Whether JAX, whose backend need not have started, can have none but a CPU's.

    That is when no other is allowed (JAX_PLATFORMS), or none is installed.
    """
    import jax

    if jax.config.jax_platforms:  # type: ignore[attr-defined]
        return jax.config.jax_platforms == "cpu"  # type: ignore[attr-defined]
    others = (find_spec(name) for name in ("jax_plugins", "libtpu"))
    return not any(others) and not entry_points(group="jax_plugins")


def on_cpu() -> bool:
    """Whether what is being traced is for a CPU."""
    import jax

    return jax.default_backend() == "cpu"


def programs() -> Path:
    """The user's folder of compiled programs for this kind of processor.

    A program is compiled for the processor it is first wanted on, and a home may be shared. Where
    its size is bounded, JAX keeps more beside every program, and misses that in another's folder.
    """
    kind = hashlib.sha256(machine.instructions().encode()).hexdigest()[:12]
    kind += "" if _bounded() else "-unbounded"
    return machine.cache("programs") / kind


def _bounded() -> bool:
    """Whether the folder of compiled programs is: JAX does it by this package."""
    return find_spec("filelock") is not None


def knows(flag: str) -> bool:
    """Whether this jaxlib has an XLA flag: it ends a process that sets one it does not have."""
    spec = find_spec("jaxlib")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    for library in folder.glob("libjax_common.*"):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as m:
            if m.find(flag.encode()) >= 0:
                return True
    return False
