"""The commands of a queue, read and checked before the first of them runs."""

import hashlib
import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from gen_jax import config as configs
from gen_jax.errors import UserError
from gen_jax.job import Job
from gen_jax.train import workdir

WAIT = "wait"
_MOST_LINES, _MOST_BYTES = 10_000, 2**20


class Command(NamedTuple):
    """One line of a queue.

    Attributes:
      number: its place among the commands, from 1.
      args: arguments of run.py, variables replaced.
      after: commands of numbers up to this one must be done before; 0 for none.
      where: its workdir.
      name: what it is called in the progress view, such as "flagship evaluate".
      key: 12 hex digits of the arguments as written and of what the config file sets.
      upstream: the commands whose results it works on: all up to `after`, and earlier ones of the
        same workdir.
    """

    number: int
    after: int
    args: tuple[str, ...]
    where: Path
    name: str
    key: str
    upstream: tuple["Command", ...] = ()


def read(
    path: Path, environment: Mapping[str, str] | None, parse: Callable[[Sequence[str]], Job]
) -> tuple[Command, ...]:
    """The commands of a file.

    A line is split as a shell would, with `#` for comments; `$NAME` and `${NAME}` are variables of
    the environment. Every line is parsed as run.py will, so that a misspelt key in the last line is
    found before the first has trained for hours. A line without --config may name the workdir that
    an earlier one makes. After a line `wait` come commands that need those before it.

    Args:
      path: the file.
      environment: the variables; None leaves them as they are written.
      parse: from arguments to the job they ask for, or a UserError.

    Raises:
      UserError: the file cannot be read or holds no command, or a line is wrong, which is named.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"--queue: {path} has over {_MOST_BYTES} bytes; is it a list of runs?")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise UserError(f"--queue: {path} cannot be read: {reason}") from error
    commands: list[Command] = []
    made: list[Path] = []
    places: dict[str, int] = {}
    after = 0
    for place, line in enumerate(lines, 1):
        try:
            written = _split(line)
            if written == [WAIT]:
                after = len(commands)
            if written in ([], [WAIT]):
                continue
            args = tuple(_expanded(arg, environment) for arg in written)
            name, where, sets = _checked(args, made, parse)
        except (UserError, ValueError) as error:
            raise UserError(f"{path}, line {place}: {error}") from error
        key = hashlib.sha256(json.dumps([written, sets]).encode()).hexdigest()[:12]
        if key in places:
            raise UserError(f"{path}, line {place}: the same as line {places[key]}; drop one")
        places[key] = place
        made.append(where)
        upstream = (*commands[:after], *(each for each in commands[after:] if each.where == where))
        commands.append(Command(len(commands) + 1, after, args, where, name, key, upstream))
    if not 0 < len(commands) <= _MOST_LINES:
        raise UserError(
            f"--queue: {path} holds {len(commands)} commands; 1 to {_MOST_LINES:,} can be"
        )
    return tuple(commands)


def _split(line: str) -> list[str]:
    """Words of a line up to its comment, which begins with a # that begins a word."""
    for comment in re.finditer(r"(?:^|(?<=\s))#", line):
        try:
            return shlex.split(line[: comment.start()])
        except ValueError:  # within quotes it begins none
            continue
    return shlex.split(line)


def _expanded(arg: str, environment: Mapping[str, str] | None) -> str:
    if environment is None:
        return arg
    try:
        return Template(arg).substitute(environment)
    except KeyError as error:
        name = error.args[0]
        raise UserError(f"the variable {name} is not set: export {name}=...") from error


def _checked(
    args: tuple[str, ...], made: Sequence[Path], parse: Callable[[Sequence[str]], Job]
) -> tuple[str, Path, dict[str, Any]]:
    """Name and workdir of a command, and what its config file sets; UserError for what is wrong."""
    if any(re.match(r"--?(queue|only|status)\b", arg) for arg in args):
        raise UserError("a queue within a queue; put its lines here")
    path, overrides, _ = configs.split_args(args)
    where, mode = _later(args, made), _flag(args, "mode")
    sets: dict[str, Any] = {}
    if path is None and where is not None:
        # Its config is not there yet, but its keys can be checked.
        configs.override(configs.base(), overrides)
    else:
        job = parse(args)
        where = job.workdir
        if path is not None:
            defaults = configs.dotted(configs.to_json(configs.base()))
            chosen = configs.dotted(configs.to_json(configs.load(path)))
            sets = {key: value for key, value in chosen.items() if value != defaults.get(key)}
    return f"{where.name} {mode or 'train'}".removesuffix(" train"), where, sets


def _later(args: Sequence[str], made: Sequence[Path]) -> Path | None:
    """The --workdir that an earlier command makes, or one within it, if it is not there yet."""
    given = _flag(args, "workdir")
    if given is None or workdir.read_config(Path(given)) is not None:
        return None
    path = Path(given)
    return path if any(path == each or each in path.parents for each in made) else None


def _flag(args: Sequence[str], name: str) -> str | None:
    for place, arg in enumerate(args):
        if arg.startswith(f"--{name}="):
            return arg.partition("=")[2]
        if arg == f"--{name}" and place + 1 < len(args):
            return args[place + 1]
    return None
