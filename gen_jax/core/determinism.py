"""The same bits every time: what each backend needs for it, set before the backend starts.

XLA's programs for CPUs and TPUs give the same bits whenever they run on the same devices, a CPU's
on as many threads as well: how a matrix product or a convolution is divided among them decides in
which order it adds. Programs for GPUs may pick kernels by timing them and add up in any order,
unless `--xla_gpu_deterministic_ops` keeps them from both; an operation that has no such form is
then refused when it is compiled.
"""

import os

import jax

from gen_jax.errors import UserError

FLAG = "--xla_gpu_deterministic_ops"
BACKENDS = ("cpu", "gpu", "tpu")
"""Those of which it is known how."""
THREADS = ("PJRT_NPROC", "NPROC")
"""Environment variables that set how many threads a CPU's programs run on; the first counts."""


def ask() -> bool:
    """Asks for the same bits every time, without starting a backend; returns whether it is late.

    Raises:
      UserError: XLA_FLAGS says otherwise.
    """
    flags = [flag.partition("=") for flag in os.environ.get("XLA_FLAGS", "").split()]
    chosen = {name: value for name, _, value in flags}
    if chosen.get(FLAG, "true").lower() not in ("", "true", "1"):
        raise UserError(
            f"deterministic=True, and XLA_FLAGS has {FLAG}={chosen[FLAG]}: remove that, or pass "
            "--config.deterministic=False"
        )
    late = FLAG not in chosen and started()
    if FLAG not in chosen and not late:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAG}=true".strip()
    return late


def check(late: bool) -> None:
    """Whether the backend in use was asked as it must be.

    Args:
      late: what `ask` returned.

    Raises:
      UserError: a GPU was in use before, or nobody knows how to for this backend.
    """
    backend = jax.default_backend()
    if backend not in BACKENDS:
        raise UserError(
            f"deterministic=True: not known how on backend {backend!r}; pass "
            "--config.deterministic=False to train without that promise"
        )
    if backend == "gpu" and late:
        raise UserError(
            f"deterministic=True: this process has used its GPU already; start it with XLA_FLAGS="
            f"{FLAG}=true, or pass --config.deterministic=False"
        )


def flags_in_force() -> str:
    """XLA_FLAGS, sorted, without those that say nothing about the backend in use."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    if jax.default_backend() != "gpu":
        flags = [flag for flag in flags if not flag.startswith("--xla_gpu")]
    # Counted among the devices.
    flags = [flag for flag in flags if "host_platform_device_count" not in flag]
    return " ".join(sorted(flags))


def threads() -> int | None:
    """How many threads compute on this process's CPU devices; None on another backend.

    As many as processors it may use, unless one of `THREADS` says how many, and no fewer than
    devices.
    """
    if jax.default_backend() != "cpu":
        return None
    told = (_integer(os.environ.get(name, "")) for name in THREADS)
    asked = next((count for count in told if count is not None), _processors())
    return max(asked, jax.local_device_count())


def started() -> bool:
    """Whether JAX has a backend, which no setting reaches any more."""
    # To ask the public interface is to start it.
    from jax._src import xla_bridge

    return xla_bridge.backends_are_initialized()


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows give a process all
