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
    choose(MODES, flags.mode, "--mode")
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
        raise UserError(
            "say what to run: --config=configs/cvae_gan_shapes.py, or --workdir of an earlier run"
        )
    assert where is not None  # a config names one
    configs.check_against_base(config, base)
    config = configs.override(config, overrides)
    configs.check_values(config)
    # A run made before a key was known to be idle is still a run.
    configs.check_ignored(config, base, saved["config"] if saved is not None else {})
    return Job(name, config, where, flags)


def _workdir(flags: argparse.Namespace, path: str | None) -> Path | None:
    """Where a command works, if it says so: --workdir, else the one that its config names."""
    if flags.workdir:
        return Path(flags.workdir)
    return Path("runs") / Path(path).stem if path else None


def _queue(argv: Sequence[str]) -> int:
    """Runs a queue. JAX is not started: its commands want the devices."""
    path, overrides, rest = configs.split_args(argv)
    flags = _parser().parse_args(rest)
    given = {key for key, value in vars(flags).items() if value != _parser().get_default(key)}
    if path is not None or overrides or given - {"queue", "only", "status", "workdir"}:
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
    parser.add_argument("--mode", default="train", help=", ".join(MODES))
    parser.add_argument("--workdir", help="where the run lives; default runs/NAME")
    parser.add_argument("--num", type=int, default=64, help="sample: how many pictures")
    parser.add_argument("--seed", type=int, default=0, help="sample: which pictures")
    parser.add_argument("--runs", help="compare, page, archive: workdirs or globs, commas between")
    parser.add_argument("--part_mib", type=int, default=60, help="archive: size of a file at most")
    parser.add_argument("--span", help="audit: the steps to replay, such as 0:500; default all")
    parser.add_argument("--labels", help="sample: classes, such as apple,rose; default all")
    line = parser.add_argument_group("several commands, one after the other")
    line.add_argument("--queue", help="a file with the arguments of a command a line")
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
