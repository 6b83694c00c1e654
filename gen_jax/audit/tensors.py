"""Where two states differ, and by how much."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gen_jax.core import digest


class Difference(NamedTuple):
    """One array that is not bitwise the same in two states.

    Attributes:
      path: of the array, `jax.tree_util.keystr`.
      unequal: values that differ.
      size: values in all.
      largest: largest absolute difference; NaN where one side is not a number.
      relative: that, over the largest absolute value of either side.
    """

    path: str
    unequal: int
    size: int
    largest: float
    relative: float

    def told(self) -> str:
        """In one clause."""
        return (
            f"{readable(self.path)} in {self.unequal} of {self.size} values, by up to "
            f"{self.largest:.3g} ({self.relative:.2g} of its largest)"
        )


def differences(one: Any, other: Any) -> list[Difference]:
    """Arrays of two states of one structure that differ in any bit, in the order of the tree."""
    ours, theirs = (digest.by_path(digest.to_host(tree)) for tree in (one, other))
    if ours.keys() != theirs.keys():
        raise ValueError("the states have other arrays")
    found = []
    for path, array in ours.items():
        pair = [np.ascontiguousarray(each) for each in (array, theirs[path])]
        if pair[0].tobytes() != pair[1].tobytes():
            found.append(_difference(path, *pair))
    return found


def most(found: Sequence[Difference]) -> Difference:
    """The one that differs most for its size, of parameters if any do: moments may be tiny."""
    parameters = [each for each in found if each.path.startswith(".params")]
    return max(parameters or found, key=lambda each: each.relative)


def readable(path: str) -> str:
    """`.params['encoder']['Conv_0']['kernel']` as "params/encoder/Conv_0/kernel"."""
    return "/".join(part for part in re.split(r"[.\[\]'\"]+", path) if part)


def network(path: str) -> str:
    """The network an array belongs to, "" for what belongs to none, such as the step."""
    parts = readable(path).split("/")
    return parts[1] if len(parts) > 1 else ""


def short(leaves: Iterable[str], then: list[str], now: list[str]) -> list[str]:
    """Paths, of those in `leaves`, whose short digests differ between two lists of them."""
    return [path for path, a, b in zip(leaves, then, now, strict=True) if a != b]


def _difference(path: str, one: np.ndarray, other: np.ndarray) -> Difference:
    if one.shape != other.shape:
        return Difference(path, one.size, one.size, float("nan"), float("nan"))
    a, b = one.astype(np.float64), other.astype(np.float64)
    # Zeros of either sign are equal numbers and other bits.
    bits = [np.ascontiguousarray(x).reshape(-1).view(np.uint8) for x in (one, other)]
    unequal = (bits[0] != bits[1]).reshape(max(one.size, 1), -1).any(axis=1)
    with np.errstate(invalid="ignore"):
        largest = float(np.max(np.abs(a - b)))
        scale = float(max(np.max(np.abs(a)), np.max(np.abs(b))))
    relative = largest / scale if scale else 0.0
    return Difference(path, int(unequal.sum()), one.size, largest, relative)
