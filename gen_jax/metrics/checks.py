"""What features must be before anything is said of them."""

import numpy as np

from gen_jax.errors import UserError


def features(array: np.ndarray, whose: str) -> np.ndarray:
    """The array itself, if it is [n, d] with finite values.

    Args:
      array: features, a row an example.
      whose: what the error calls them, e.g. "generated".

    Raises:
      UserError: it is of another shape, empty, or holds NaN or infinity.
    """
    array = np.asarray(array)
    if array.ndim != 2 or 0 in array.shape:
        raise UserError(f"{whose} features are of shape {array.shape}; give [examples, dimensions]")
    # NaN survives both, and neither needs an array of the features' size.
    if not (np.isfinite(array.min()) and np.isfinite(array.max())):
        raise UserError(f"{whose} features hold NaN or infinity; look for where the model diverged")
    return array


def two(
    real: np.ndarray, fake: np.ndarray, whose: str = "generated"
) -> tuple[np.ndarray, np.ndarray]:
    """Both, if both are features of as many dimensions; `whose` the second are.

    Raises:
      UserError: one is not (see `features`), or their dimensions differ.
    """
    real, fake = features(real, "real"), features(fake, whose)
    same_dimension(real.shape[1], fake.shape[1], whose)
    return real, fake


def same_dimension(real: int, fake: int, whose: str = "generated") -> None:
    """Lets features of as many dimensions pass.

    Raises:
      UserError: their dimensions differ.
    """
    if real != fake:
        raise UserError(
            f"real features have {real} dimensions and {whose} ones {fake};"
            " take both from the same layer"
        )
