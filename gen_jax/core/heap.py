"""Memory that a CPU's training step frees and asks for again, kept in between.

XLA:CPU asks the C library for every step's temporary arrays, up to hundreds of megabytes, and
frees them at its end. By default glibc hands so large a block back to the kernel at once, which
then clears it page by page when the next step touches it: a tenth of a step, a fifth of a small one
(`benchmarks/settings.py`).
"""

import ctypes
import os
import sys

from gen_jax.core import machine

# <malloc.h> and <sys/mman.h>.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_HUGE_PAGES = 14
_NEVER = -1
_STEP = 2**28
"""By how much the heap grows."""
_RESERVED = 2**32
"""Most bytes of it that are asked to be of huge pages. Linux takes memory when it is touched."""
_PAGE = 2**21


def keep() -> bool:
    """Has freed memory stay in the process, in huge pages; whether it did.

    It is before any backend is known, hence on machines with accelerators, too.

    Nothing is done where the C library is another than glibc, or where the user has set it up
    (`MALLOC_...`, `GLIBC_TUNABLES`, `LD_PRELOAD`).
    """
    theirs = any(
        name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD")
        for name in os.environ
    )
    if sys.platform != "linux" or theirs:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    # One heap for all threads, which never takes a mapping of its own for a large block.
    for option, value in (
        (_ARENA_MAX, 1),
        (_MMAP_MAX, 0),
        (_TRIM_THRESHOLD, _NEVER),
        (_TOP_PAD, _STEP),
    ):
        library.mallopt(option, value)
    memory = machine.memory()
    size = min(_RESERVED, memory // 4) if memory else _STEP
    library.malloc.restype = ctypes.c_void_p
    block = library.malloc(ctypes.c_size_t(size))
    if block:
        first = -(-block // _PAGE) * _PAGE
        library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(block + size - first), _HUGE_PAGES)
        library.free(ctypes.c_void_p(block))
    return True
