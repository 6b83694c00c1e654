"""The head of a workdir: what was asked for (config.json), where it ran (environment.json)."""

import functools
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax.core import determinism, machine, strict_json
from gen_jax.core.files import is_scratch, sweep, write_bytes
from gen_jax.data.spec import Split
from gen_jax.errors import UserError
from gen_jax.train import lock

CONTENT = ("train_content", "test_content")
"""Entries of a run's data that say what the images are."""
COMMIT = "commit.json"
"""In a copy of the project without git: what `version_of` is to say."""
_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "clu"),
    *("scipy", "scikit-learn", "pillow"),  # evaluations have numbers from them
)
_OF_ACCELERATORS = (
    *("jax-cuda12-plugin", "jax-cuda13-plugin", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"),
    *("nvidia-cublas-cu12", "nvidia-cublas", "libtpu"),
)
"""Packages that are recorded where they are installed."""
_SETTINGS = {
    "jax_enable_x64": False,
    "jax_default_matmul_precision": None,
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
}
"""Of JAX, with their defaults: recorded where they are another."""


def read_config(workdir: Path) -> dict[str, Any] | None:
    """The content of `config.json`; None if there is none, UserError if it cannot be read."""
    path = workdir / "config.json"
    try:
        content = strict_json.read(path)
        if not isinstance(content["config"], dict):
            raise ValueError("no config in it")
        if not isinstance(content.get("data", {}), dict):
            raise ValueError("its data are no JSON object")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error}); use another --workdir") from error
    return content


def check_contained(workdir: Path, whole: bool = True) -> None:
    """Raises UserError if something in a workdir is a link that leads out of it.

    What a command writes there would change files elsewhere. The workdir itself may be a link.
    Without `whole` only what lies directly in it is looked at: a page may be written into a folder
    that holds far more than a run.
    """
    root = os.path.realpath(workdir)
    for folder, folders, files in os.walk(workdir):
        for path in (Path(folder, name) for name in [*folders, *files]):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise UserError(
                    f"{path} is a link that leads out of the workdir; put what it names there"
                )
        if not whole:
            return


def describe(train: Split, test: Split, frozen: Mapping[str, str]) -> dict[str, Any]:
    """What must not change about a run's data and frozen weights, wherever they are found."""
    spec = train.spec
    return dict(frozen) | {
        "shape": list(spec.shape),
        "class_names": list(spec.class_names),
        "num_train": len(train),
        "num_test": len(test),
    }


def check_same_run(
    workdir: Path, config: ConfigDict, data: dict[str, Any], may_change: bool = False
) -> None:
    """Raises UserError if the run in a workdir is of another config or other data.

    A key that was not there yet when the run was made counts as having had its default. With
    `may_change` the config may be another, where `resume.config` says so.
    """
    saved = read_config(workdir)
    if saved is None:
        return
    defaults = configs.dotted(configs.to_json(configs.base()))
    if not may_change or config.resume.config == "refuse":
        configs.check_resume(defaults | configs.dotted(saved["config"]), config, workdir)
    # What the data hold is not known where they are decoded on demand.
    unknown = {key for key in CONTENT if key not in data}
    then = {key: value for key, value in saved.get("data", {}).items() if key not in unknown}
    changed = [key for key, value in then.items() if data.get(key) != value]
    if changed:
        raise UserError(
            f"workdir {workdir} was made with other data: {', '.join(changed)} differ; pass its "
            "--config.data.dir (or perceptual.weights), or use another --workdir"
        )


def check_trainable(workdir: Path, config: ConfigDict, data: dict[str, Any]) -> None:
    """Raises UserError for a workdir that holds another run, or something that is not a run."""
    check_same_run(workdir, config, data, may_change=True)
    if read_config(workdir) or not workdir.is_dir():
        return
    # What a process left that was killed, or met a full disk, as it made the workdir.
    left = (path.name == lock.NAME or is_scratch(path.name) for path in workdir.iterdir())
    if not all(left):
        raise UserError(f"{workdir} holds files but no run (no config.json); use another --workdir")


@contextmanager
def open_for_training(
    workdir: Path, config: ConfigDict, name: str, data: dict[str, Any]
) -> Iterator[None]:
    """Makes the workdir, or checks that the run in it is this one; then records the config.

    What the run had other values of until now (`resume.config`) stays beside it, as "earlier".
    Within the context no other process may do so; of several that train one model together the
    first alone does.

    Raises:
      UserError: as `check_trainable`, or it cannot be written, or another process trains in it;
        nothing is changed then.
    """
    check_trainable(workdir, config, data)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {workdir}: {error.strerror}") from error
    with lock.exclusive(workdir):
        check_trainable(workdir, config, data)  # another process may have made it meanwhile
        sweep(workdir)
        saved = read_config(workdir) or {}
        earlier = saved.get("earlier", [])
        if saved and (changed := _changed(saved["config"], config)):
            earlier = [*earlier, changed]
        write_json(
            workdir / "config.json",
            {
                "config": configs.to_json(config)
                | {configs.OF_THE_COMMAND: configs.to_json(configs.base())[configs.OF_THE_COMMAND]},
                "digest": configs.digest(config),
                "name": name,
                "data": saved.get("data", {}) | data,
                **({"earlier": earlier} if earlier else {}),
            },
        )
        yield


def _changed(saved: Mapping[str, Any], config: ConfigDict) -> dict[str, Any]:
    """What a run was trained with that this config has another value of, by dotted key."""
    defaults = configs.dotted(configs.to_json(configs.base()))
    now, then = configs.dotted(configs.to_json(config)), defaults | configs.dotted(dict(saved))
    return {
        key: value
        for key, value in then.items()
        if now.get(key, value) != value and not configs.may_change(key)
    }


def record_environment(
    workdir: Path, step: int, command: str, parameters: dict[str, int], together: int = 1
) -> None:
    """Writes `environment.json`; a resumed run adds itself to its list `resumed`.

    `together` is of how many seeds it is one, that share what they cost.
    """
    now = environment() | {"command": command, "parameters": parameters}
    now |= {"seeds_together": together} if together > 1 else {}
    path = workdir / "environment.json"
    if step and path.exists():
        try:
            first = strict_json.read(path)
            first.setdefault("resumed", []).append({"step": step} | now)
        except (ValueError, AttributeError) as error:
            raise UserError(f"{path} cannot be read ({error}); move it away") from error
        now = first
    write_json(path, now)


def environment() -> dict[str, Any]:
    """Versions, devices and the state of the code."""
    versions = {name.replace("-", "_"): _version(name) for name in PACKAGES}
    there = {name: version for name in _OF_ACCELERATORS if (version := _version(name))}
    versions |= {name.replace("-", "_"): version for name, version in there.items()}
    settings = {
        name: str(value)
        for name, default in _SETTINGS.items()
        if (value := getattr(jax.config, name, default)) != default
    }
    if override := os.environ.get("NVIDIA_TF32_OVERRIDE"):
        settings["nvidia_tf32_override"] = override
    return {
        "python": platform.python_version(),
        **versions,
        "platform": jax.default_backend(),
        "machine": f"{platform.system()} {platform.machine()}",
        "devices": [str(device) for device in jax.devices()],
        "device_kind": jax.devices()[0].device_kind,
        "device_count": jax.device_count(),
        "processor": machine.processor(),
        "xla_flags": determinism.flags_in_force(),
        "threads": determinism.threads(),
        "process_count": jax.process_count(),
        **settings,
        **code_version(),
    }


@functools.cache
def code_version() -> dict[str, Any]:
    """`version_of` the code that runs, as it was when this was first asked for.

    The launcher asks as it starts: what lies there when a long training ends has made nothing.
    """
    return version_of(_ROOT)


def version_of(root: Path) -> dict[str, Any]:
    """Commit of a checkout, and whether it was changed since; else None.

    A copy that `gen_jax.offline` made says so of the checkout it is of.
    """
    if not (root / ".git").exists():
        try:
            told = strict_json.read(root / COMMIT)
            return {"git_commit": told["git_commit"], "git_dirty": told["git_dirty"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {"git_commit": None, "git_dirty": None}
    status = _git(root, "status", "--porcelain")
    return {
        "git_commit": _git(root, "rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
    }


def command_line() -> str:
    """The command this process was started with."""
    return shlex.join(["python", *sys.argv])


def write_json(path: Path, content: Any) -> None:
    """Writes indented JSON, all or nothing; UserError if it cannot."""
    try:
        write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(root: Path, *args: str) -> str | None:
    """Git's answer about a checkout; None if it has none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
