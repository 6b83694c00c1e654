"""Checkpoints verified when read: Orbax writes them, SHA-256 digests say whether to trust them.

Orbax restores most flipped bits without a word. So each checkpoint holds the digest of every leaf,
in a record that is under a checksum itself; one that does not match is damaged, and the one before
it is restored instead.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, Self

import orbax.checkpoint as ocp
from absl import logging as absl_logging
from etils import epath

from gen_jax.core.digest import by_path, combine, manifest, rebuild, seal, to_host, unlike, unseal
from gen_jax.errors import UserError
from gen_jax.train.orbax_habits import NewestAndBest, quieten


class Checkpoints:
    """The checkpoints of one run, `DIRECTORY/STEP`: the newest few, and the best one by a metric.

    A state is stored flat, `{path: array}`, and takes its structure from the target on restoring;
    nothing about devices is stored, so it fits any number of them. Of several processes only the
    first may have one of these: Orbax then waits for no other.

    Args:
        directory: Created and swept of interrupted writes, unless `read_only`.
        keep_latest: How many of the newest to keep, at least 1.
        best_metric: Metric whose best checkpoint (the newest of equals) is kept too; None for none.
            A checkpoint without it, or where it is NaN or infinite, is never the best.
        best_mode: "min" or "max", which end of `best_metric` is best.
        config_digest: Stored with each checkpoint.
        read_only: Never write, move or delete anything.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        keep_latest: int = 2,
        best_metric: str | None = None,
        best_mode: str = "min",
        config_digest: str = "",
        read_only: bool = False,
    ):
        if keep_latest < 1 or best_mode not in ("min", "max"):
            raise ValueError(f"keep_latest={keep_latest}, best_mode={best_mode!r}")
        quieten()
        path = epath.Path(directory)
        self.directory = path if path.is_absolute() else epath.Path(os.path.abspath(directory))
        self._policy = NewestAndBest(keep_latest, best_metric, -1 if best_mode == "min" else 1)
        self._config_digest, self._read_only, self._closed = config_digest, read_only, False
        try:
            if not read_only:
                self.directory.mkdir(parents=True, exist_ok=True)
            self._manager = self._open(sweep=True)
        except Exception as error:
            raise UserError(f"cannot open {self.directory}: {_reason(error)}") from error

    def steps(self) -> list[int]:
        """The steps of all checkpoints, ascending, with one that is still being written."""
        return sorted(self._manager.all_steps())

    def latest_step(self) -> int | None:
        """The last of `steps()`, or None."""
        return max(self.steps(), default=None)

    def save(
        self, step: int, state: Any, metrics: Mapping[str, float] | None = None, force: bool = False
    ) -> bool:
        """Starts writing `state` (arrays, unreplicated), which may be donated once this returns.

        Returns False, saving nothing, if `step` is there already or (without `force`) a later one.
        Raises UserError if this write could not start, or the one before it failed.
        """
        if self._read_only:
            raise ValueError(f"{self.directory} was opened with read_only=True")
        steps = self.steps()
        if step in steps or (steps and step < steps[-1] and not force):
            self.wait()  # what looks like a checkpoint may be a write that failed
            return False
        host = to_host(state)
        leaves = manifest(state, host)
        record = {
            "step": int(step),
            "metrics": {name: float(value) for name, value in (metrics or {}).items()},
            "config": self._config_digest,
            "digest": combine({path: leaf["sha256"] for path, leaf in leaves.items()}),
            "leaves": leaves,
        }
        self._policy.learn(record)
        # Orbax refuses empty arrays; nothing is lost, the manifest has their shapes.
        arrays = {path: leaf for path, leaf in by_path(host).items() if leaf.size}
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(seal(record))
        )
        with self._writing():
            # Orbax copies the arrays just digested before it returns, and writes its copies.
            self._manager.save(step, args=args, force=True)
        return True

    def restore(self, target: Any, step: int | None = None) -> tuple[Any, int, dict[str, Any]]:
        """Reads and verifies a checkpoint, structured like `target` (concrete or abstract).

        Without `step` the newest is tried first, then the ones before. Those that were damaged are
        logged and, unless read-only, renamed to `corrupt-STEP`: there they block no later save.

        Returns:
            The state (NumPy leaves, JAX typed keys), its step, and a dict: metrics, config, digest.

        Raises:
            UserError: no intact checkpoint, or (no fallback then) it is of a model unlike `target`.
        """
        self.wait()
        steps = self.steps()
        if not steps or step not in (None, *steps):
            wanted = "" if step is None else f" of step {step}"
            raise UserError(
                f"no checkpoint{wanted} in {self.directory} (steps there: {steps or 'none'})"
            )
        damaged: dict[int, str] = {}
        for candidate in reversed(steps) if step is None else [step]:
            name = f"checkpoint {self.directory / str(candidate)}"
            try:
                record = _read_record(self._manager, candidate)
                if difference := unlike(target, record["leaves"]):
                    raise UserError(f"{name} is of another model, use its config: {difference}")
                args = ocp.args.Composite(state=ocp.args.StandardRestore())
                arrays = self._manager.restore(candidate, args=args)["state"]
                state = rebuild(target, arrays, record["leaves"])
            except UserError:
                raise
            except Exception as error:  # a wrong byte makes Orbax raise about anything
                damaged[candidate] = f"{name} is damaged ({_reason(error)})"
            else:
                self._set_aside(damaged, candidate)
                return state, candidate, record
        raise UserError(f"no intact checkpoint in {self.directory}: {'; '.join(damaged.values())}")

    def go_back(self, step: int) -> None:
        """Moves checkpoints after `step` aside, to `later-STEP`, where they block no later save."""
        later = [each for each in self.steps() if each > step]
        self._move({each: f"later-{each}" for each in later})
        for each in later:
            absl_logging.warning("Checkpoint %s of step %d set aside.", self.directory, each)

    def wait(self) -> None:
        """Blocks until what was saved is on disk; UserError if it could not be written."""
        with self._writing():
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Like `wait`, then ends the background threads. May be repeated."""
        if not self._closed:
            self._closed = True
            try:
                self.wait()
            finally:
                self._manager.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _open(self, sweep: bool) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(
            preservation_policy=self._policy,
            create=False,
            cleanup_tmp_directories=sweep and not self._read_only,
            read_only=self._read_only,
            # Or threads of a save whose directory cannot be made keep the program from ending.
            async_options=ocp.AsyncOptions(create_directories_asynchronously=False),
            # Otherwise a wrong byte in one step's metadata keeps the whole directory from opening.
            lightweight_initialize=True,
            multiprocessing_options=ocp.options.MultiprocessingOptions(active_processes={0}),
        )
        manager = ocp.CheckpointManager(self.directory, options=options)
        self._policy.scores.clear()
        for step in manager.all_steps() if self._policy.metric else ():
            with contextlib.suppress(Exception):  # damage is for `restore` to report
                self._policy.learn(_read_record(manager, step))
        return manager

    def _reopen(self) -> None:
        with contextlib.suppress(Exception):  # a failed save raises again here
            self._manager.close()
        self._manager = self._open(sweep=False)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Orbax forgot the checkpoints the failed save was to replace; they still exist.
            with contextlib.suppress(Exception):
                self._reopen()
            raise UserError(
                f"cannot write checkpoints to {self.directory}: {_reason(error)}; make room there "
                "or choose another directory (earlier checkpoints are intact)"
            ) from error

    def _set_aside(self, damaged: Mapping[int, str], restored: int) -> None:
        names = {} if self._read_only else {step: f"corrupt-{step}" for step in damaged}
        moved = self._move(names)
        for step, message in damaged.items():
            fate = f"moved to {moved[step]}" if step in moved else "left in place"
            absl_logging.warning("%s; %s, restored step %d instead", message, fate, restored)

    def _move(self, names: Mapping[int, str]) -> dict[int, str]:
        """Renames checkpoints, with "-again" added to names that are taken; returns the names."""
        moved = {}
        for step, name in names.items():
            aside = self.directory / name
            while aside.exists():
                aside = aside.with_name(f"{aside.name}-again")
            with self._writing():
                (self.directory / str(step)).rename(aside)
            moved[step] = aside.name
        if moved:
            with self._writing():
                self._reopen()
        return moved


def _read_record(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
    restored = manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))
    record = unseal(restored["meta"])
    if record["step"] != step:
        raise ValueError(f"it was saved as step {record['step']}")
    return record


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
