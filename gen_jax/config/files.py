"""Running a config file, from wherever it is: it is Python, so run only those you trust."""

import contextlib
import difflib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gen_jax.core.files import expanded
from gen_jax.errors import UserError

_CHECKOUT = Path(__file__).resolve().parents[2]


def load(path: str | Path) -> ConfigDict:
    """Runs the config file at `path` and returns what its `get_config()` returns.

    A relative path is looked up from the working directory, then from the source checkout. While
    the file runs, `configs` means the folder of that name beside it, else the checkout's, and is
    imported afresh: an edited base takes effect in a running notebook.

    Raises:
        UserError: no such file (the nearest ones are named), or it cannot be run (file and line).
    """
    file = _locate(expanded(path))
    namespace: dict[str, Any] = {"__name__": file.stem, "__file__": str(file)}
    with _configs_importable(file):
        try:
            exec(compile(file.read_bytes(), str(file), "exec"), namespace)
            config = namespace["get_config"]() if callable(namespace.get("get_config")) else None
        except SyntaxError as error:
            raise UserError(f"{error.filename}:{error.lineno}: {error.msg}") from error
        except Exception as error:
            message = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(f"{_blame(error, file)}: {message}") from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"{file}: a config file must define get_config() that returns a ConfigDict")
    return config


def base() -> ConfigDict:
    """The checkout's `configs/base.py`: every key there is."""
    return load(_CHECKOUT / "configs" / "base.py")


def _locate(path: Path) -> Path:
    candidates = [path, _CHECKOUT / path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    folders = [_CHECKOUT / "configs", *(candidate.parent for candidate in reversed(candidates))]
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.py"))}
    near = difflib.get_close_matches(path.stem, files, n=3, cutoff=0.4) or sorted(files)[:8]
    names = ", ".join(str(files[stem]) for stem in near)
    raise UserError(f"no config file {path}" + (f"; the nearest: {names}" if names else ""))


@contextlib.contextmanager
def _configs_importable(file: Path) -> Iterator[None]:
    """Lets `from configs.base import ...` work in `file`, whatever `configs` was before.

    `configs` has no __init__.py, so Python joins the folders of that name along sys.path, first
    ones first: a user's own `configs/` can import the checkout's base and the files beside it.
    """
    path = sys.path.copy()
    before = _pop_configs()
    sys.path[:] = [str(file.parent.parent), *path, str(_CHECKOUT)]
    try:
        yield
    finally:
        sys.path[:] = path
        _pop_configs()
        sys.modules.update(before)


def _pop_configs() -> dict[str, Any]:
    names = [name for name in sys.modules if name == "configs" or name.startswith("configs.")]
    return {name: sys.modules.pop(name) for name in names}


def _blame(error: Exception, file: Path) -> str:
    """`file:line` of the innermost line that stands in the folder of `file`."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if Path(frame.filename).parent == file.parent]
    return f"{mine[-1].filename}:{mine[-1].lineno}" if mine else str(file)
