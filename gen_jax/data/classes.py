"""Some of a data set's classes: naming them, and a split that keeps their images only."""

from collections.abc import Mapping, Sequence

import numpy as np

from gen_jax.data.spec import DataSpec, Split
from gen_jax.errors import UserError, nearest


def class_indices(
    chosen: Sequence[str | int], class_names: Sequence[str], key: str = "data.train_classes"
) -> np.ndarray:
    """The numbers of classes given by name or by number.

    A class's name counts before its number: of classes named "8" and "9", "9" is number 1. An
    integer means what its digits mean.

    Args:
        chosen: names, or numbers as integers or strings, in any order.
        class_names: the names of classes 0, 1, ...
        key: what to blame in the message.

    Returns:
        int64, ascending, each once.

    Raises:
        UserError: there is no such class; the line names the nearest ones.
    """
    known = {str(i): i for i in range(len(class_names))}
    known |= {name: i for i, name in enumerate(class_names)}
    found = set()
    for item in chosen:
        if str(item) not in known:
            raise UserError(f"{key}: no class {item!r}; {nearest(str(item), class_names)}")
        found.add(known[str(item)])
    return np.array(sorted(found), np.int64)


def scarce_counts(text: str, class_names: Sequence[str]) -> dict[int, int]:
    """How many training images some classes keep: "8=50, cat=100" as {class: count}.

    Raises:
        UserError: an item that is not CLASS=COUNT with a count of at least 1, a class that is not
            there, or one that is given twice.
    """
    counts: dict[int, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, count = (part.strip() for part in item.rpartition("="))
        if not equals or not count.isdecimal() or not int(count):
            raise UserError(f"data.scarce: {item!r} is not CLASS=COUNT, such as 8=50")
        (index,) = class_indices((name,), class_names, "data.scarce")
        if index in counts:
            raise UserError(f"data.scarce: class {name!r} is given twice")
        counts[int(index)] = int(count)
    return counts


def without_surplus(labels: np.ndarray, counts: Mapping[int, int]) -> np.ndarray:
    """Positions, int64 ascending, of all images but those beyond the first so many of a class."""
    keep = np.ones(len(labels), bool)
    for label, count in counts.items():
        keep[np.flatnonzero(labels == label)[count:]] = False
    return np.flatnonzero(keep)


class Subset:
    """Some images of another split, in the order given.

    Attributes:
        spec: what to say of them.
        labels: int32 [N].
        whole, positions: the other split, and where in it they are, int64 [N].
    """

    def __init__(self, spec: DataSpec, split: Split, positions: np.ndarray):
        """The images of `split` at `positions` int64 [N]; copies none."""
        self.spec = spec
        self.labels = split.labels[positions]
        self.whole = split
        self.positions = positions

    def __len__(self) -> int:
        """Number of images."""
        return len(self.positions)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Generative factors int32 [n, F], as the other split's."""
        return self.whole.factors(self.positions[indices])

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """As the other split's."""
        return self.whole.gather(self.positions[indices])
