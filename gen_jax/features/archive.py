"""Arrays by name from a weights file: NumPy's .npz, or a state dict that PyTorch saved."""

import hashlib
import importlib.util
import pickle
import zipfile
from pathlib import Path

import numpy as np

from gen_jax.core import npz
from gen_jax.errors import UserError


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a .npz, or of any other file taken for PyTorch's. No code in it is run.

    Raises:
        UserError: the file is damaged, something else or over a limit of `core.npz`, or is
            PyTorch's where that is absent.
    """
    try:
        return npz.read(path) if path.suffix == ".npz" else _torch(path)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        # What PyTorch says then is how to run the file's code all the same.
        raise _unreadable(path, "it holds more than arrays, or none") from error
    except Exception as error:  # a damaged file fails in the reader's code in every way there is
        raise _unreadable(path, error) from error


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _torch(path: Path) -> dict[str, np.ndarray]:
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            f"{path}: only PyTorch reads this file; pip install torch, or save its arrays under "
            "the same names as a .npz"
        )
    import torch

    npz.check_size(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as members:
            npz.check_zip(members)
    content = torch.load(path, map_location="cpu", weights_only=True)
    items = content.items() if isinstance(content, dict) else ()
    tensors = {str(name): tensor for name, tensor in items if isinstance(tensor, torch.Tensor)}
    # A tensor may repeat a few stored numbers to any size; as float32 it would take that size.
    if 4 * sum(tensor.numel() for tensor in tensors.values()) > npz.MOST_BYTES:
        raise ValueError(f"its tensors have over {npz.MOST_BYTES // 2**20} MiB")
    return {name: tensor.detach().float().numpy() for name, tensor in tensors.items()}


def _unreadable(path: Path, reason: object) -> UserError:
    line = " ".join(str(reason).split())[:300]
    return UserError(f"{path} cannot be read: {line or type(reason).__name__}")
