"""What a split holds, in few bytes: so that a changed image shows, and which one it is."""

import hashlib

import numpy as np

from gen_jax.data.spec import Split

BLOCK = 1000  # examples gathered at a time


def fingerprints(split: Split) -> np.ndarray:
    """Eight bytes of BLAKE2b, as uint64 [N], of each example's dtype, shape, pixels and labels."""
    out = np.empty(len(split), np.uint64)
    for start in range(0, len(split), BLOCK):
        block = split.gather(np.arange(start, min(start + BLOCK, len(split))))
        arrays = [np.ascontiguousarray(block[name]) for name in sorted(block)]
        head = repr([(array.dtype.name, array.shape[1:]) for array in arrays]).encode()
        for i in range(len(arrays[0])):
            total = hashlib.blake2b(head, digest_size=8)
            for array in arrays:
                total.update(array[i].tobytes())
            out[start + i] = int.from_bytes(total.digest(), "little")
    return out


def digest(prints: np.ndarray) -> str:
    """SHA-256 (hex) of all fingerprints, in order."""
    return hashlib.sha256(prints.astype("<u8").tobytes()).hexdigest()
