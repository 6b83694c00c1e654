"""From a command line to one mode."""

import argparse
import io
import logging as standard_logging
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags as absl_flags
from absl import logging
from ml_collections import ConfigDict
from PIL import Image

from gen_jax import config as configs
from gen_jax import queue, several
from gen_jax.core import determinism, processes, xla
from gen_jax.errors import UserError, choose, line
from gen_jax.job import Job, restore
from gen_jax.modes import MODES
from gen_jax.train import workdir
from gen_jax.train.interrupt import Interrupted

__all__ = ["main", "parse", "restore"]

_DEFAULTS = {"mode": "train", "num": 64, "seed": 0, "part_mib": 60}
_OF_MODE = {"num": "sample", "seed": "sample", "labels": "sample", "part_mib": "archive"}
"""Options that one mode takes."""


def main(argv: Sequence[str]) -> int:
    """Runs one command line; returns the exit code.

    That is 0, 1 (an audit found something wrong, or others are still at a queue), 2 (user's error)
    or 128 + signal.
    """
    _log_plainly()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a workdir's name may be no text
    try:
        if any(re.match(r"--?queue\b", arg) for arg in argv):
            return _queue(argv)
        xla.prepare()
        job = parse(argv)
        workdir.code_version()  # before somebody commits to the checkout that runs
        computes = job.flags.mode in ("train", "evaluate", "audit")
        late = computes and job.config.get("deterministic", True) and determinism.ask()
        if job.flags.distributed or _place(job.flags):
            processes.join(_place(job.flags))
        if computes and job.config.get("deterministic", True):
            determinism.check(late)
        code = MODES[job.flags.mode](job) or 0
    except (UserError, OSError) as error:
        print(line(error), file=sys.stderr)
        return 2
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code


def parse(argv: Sequence[str]) -> Job:
    """The job a command line asks for; UserError for whatever it gets wrong.

    Without --config, an existing workdir says what its config is. A comparison has none.
    """
    path, overrides, rest = configs.split_args(argv)
    flags = _parser().parse_args(rest)
    given = _given(flags)
    for key in _DEFAULTS.keys() - given:
        setattr(flags, key, _DEFAULTS[key])
    choose(MODES, flags.mode, "--mode")
    _check_of_mode(given, flags.mode)
    where = _workdir(flags, path)
    if where is not None:
        workdir.check_contained(where, whole=flags.mode not in several.MODES)
    if (flags.distributed or _place(flags)) and flags.mode != "train":
        raise UserError(f"--mode={flags.mode} takes one process; leave out how several are joined")
    if flags.mode in several.MODES or (flags.mode == "audit" and flags.runs is not None):
        return _of_several(flags, path, overrides)
    if flags.runs is not None:
        raise UserError(f"--runs: only modes {', '.join(several.MODES)} and audit take it")
    if flags.only is not None or flags.status:
        raise UserError("--only, --status: of a queue; say which, --queue=FILE")
    if flags.span is not None and flags.mode != "audit":
        raise UserError("--span: only --mode=audit replays steps; leave it out")
    base = configs.base()
    saved = workdir.read_config(where) if where is not None else None
    if path is not None:
        config, name = configs.load(path), Path(path).stem
    elif saved is not None:
        config, name = configs.from_json(saved["config"], base), str(saved.get("name", "run"))
    else:
        raise UserError(_no_run(where))
    assert where is not None  # a config names one
    configs.check_against_base(config, base)
    config = configs.override(config, overrides)
    configs.check_values(config)
    # A run made before a key was known to be idle is still a run.
    configs.check_ignored(config, base, saved["config"] if saved is not None else {})
    return Job(name, config, where, flags)


def _given(flags: argparse.Namespace) -> set[str]:
    """The options that stand on a command line."""
    # 0 is an answer.
    return {key for key, value in vars(flags).items() if value is not None and value is not False}


def _check_of_mode(given: set[str], mode: str) -> None:
    """Raises UserError for an option that this mode would not look at."""
    for key in sorted(given):
        if _OF_MODE.get(key, mode) != mode:
            reason = f"--{key}: of --mode={_OF_MODE[key]}; leave it out"
            if key == "seed":
                reason += "; a training's is --config.seed=43, and --config.num_seeds=3 several"
            raise UserError(reason)


def _no_run(where: Path | None) -> str:
    """Why nothing can be done without --config."""
    if where is None:
        return "say what to run: --config=configs/cvae_gan_shapes.py, or an earlier run's --workdir"
    seeds = sorted(path.name for path in where.glob("seed*") if (path / "config.json").is_file())
    if seeds:
        return (
            f"{where} holds the runs {', '.join(seeds)}: name one, --workdir={where / seeds[0]}, "
            "or repeat the training's --config and num_seeds"
        )
    reason = "it has no config.json" if where.is_dir() else "there is no such folder"
    return f"no run in {where}: {reason}; --config=configs/NAME.py would make one"


def _workdir(flags: argparse.Namespace, path: str | None) -> Path | None:
    """Where a command works, if it says so: --workdir, else the one that its config names."""
    if flags.workdir:
        return Path(flags.workdir)
    return Path("runs") / Path(path).stem if path else None


def _queue(argv: Sequence[str]) -> int:
    """Runs a queue. JAX is not started: its commands want the devices."""
    path, overrides, rest = configs.split_args(argv)
    flags = _parser().parse_args(rest)
    others = _given(flags) - {"queue", "only", "status", "workdir"}
    if path is not None or overrides or others:
        raise UserError(
            "--queue takes its commands from a file; only --only, --status and --workdir go with it"
        )
    root = Path(flags.workdir) if flags.workdir else None
    return queue.main(Path(flags.queue), parse, root, flags.only, flags.status)


def _place(flags: argparse.Namespace) -> processes.Place | None:
    """Where among several processes this one is, if told by hand; UserError as `parse`."""
    place = processes.place(flags.coordinator, flags.num_processes, flags.process_id)
    if place and flags.distributed:
        raise UserError("--distributed finds the other processes itself; leave out --coordinator")
    return place


def _of_several(flags: argparse.Namespace, path: str | None, overrides: list[str]) -> Job:
    """A job without a config: those of the runs count."""
    if path is not None or overrides:
        raise UserError(f"--mode={flags.mode} takes --runs as they are; leave out --config")
    if not flags.runs and flags.mode != "page":
        globs = " or --runs='runs/*'" if flags.mode != "audit" else ""
        raise UserError(f"--mode={flags.mode}: say which runs, --runs=runs/a,runs/b{globs}")
    if not flags.workdir:
        raise UserError(f"--mode={flags.mode}: say where to write, --workdir=DIR")
    return Job(flags.mode, ConfigDict(), Path(flags.workdir), flags)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see python run.py --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="run.py",
        usage="python run.py --config=configs/NAME.py [--config.KEY=VALUE ...] [options]",
        description="Trains, evaluates and samples generative models; every run is a function of "
        "its config. The keys are declared in configs/base.py.",
        allow_abbrev=False,
    )
    # None says that an option was not given; `_DEFAULTS` stands for it.
    parser.add_argument("--mode", help=f"{', '.join(MODES)}; default train")
    parser.add_argument("--workdir", help="where the run lives; default runs/NAME")
    parser.add_argument("--num", type=int, help="sample: how many pictures; default 64")
    parser.add_argument("--seed", type=int, help="sample: which pictures; default 0")
    parser.add_argument("--runs", help="compare, page, archive, audit: workdirs, commas between")
    parser.add_argument("--part_mib", type=int, help="archive: size of a file at most; default 60")
    parser.add_argument("--span", help="audit: the steps to replay, such as 0:500; default all")
    parser.add_argument("--labels", help="sample: classes, such as apple,rose; default all")
    line = parser.add_argument_group("several commands, one after the other")
    line.add_argument(
        "--queue",
        help="a file with the arguments of a command a line; --workdir is where its logs go",
    )
    line.add_argument("--only", type=int, help="run only this one of them, counted from 1")
    line.add_argument("--status", action="store_true", help="print how far they are; run nothing")
    several = parser.add_argument_group("several processes that train one model", "docs/scaling.md")
    several.add_argument(
        "--distributed", action="store_true", help="as SLURM, Open MPI or a TPU pod started them"
    )
    several.add_argument("--coordinator", help="by hand: HOST:PORT of process 0, the same for all")
    several.add_argument("--num_processes", type=int, help="by hand: how many there are")
    several.add_argument("--process_id", type=int, help="by hand: which this is, from 0")
    return parser


def _log_plainly() -> None:
    """Our log lines as sentences on stderr; libraries' only from warnings on."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
    absl_flags.FLAGS.mark_as_parsed()  # or absl warns that nobody parsed its flags
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().setFormatter(None)
    for name in ("jax", "orbax", "tensorflow"):
        standard_logging.getLogger(name).setLevel(standard_logging.WARNING)
