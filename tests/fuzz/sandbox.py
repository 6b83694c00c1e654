"""A command in a folder of its own, and what it must never do there, whatever it was given."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

from gen_jax import launch
from gen_jax.errors import UserError, line
from gen_jax.modes import MODES

CANARY = "canary"


class Sandbox:
    """ROOT/work is the workdir; everything else under ROOT must stay as it was."""

    def __init__(self, root: Path):
        self.root, self.work, self.cwd = root, root / "work", root / "here"
        self.cwd.mkdir(parents=True)
        (root / "elsewhere").mkdir()
        (root / "elsewhere" / "precious.txt").write_text("precious")
        self._before = self._outside()

    def code(self) -> str:
        """A Python expression that shows that it was evaluated: it makes the canary."""
        return f"__import__('pathlib').Path({str(self.root / CANARY)!r}).touch()"

    def run(self, *argv: str) -> tuple[int, str]:
        """Runs a command here, and checks it; returns its exit code and the line of its error."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = launch.main(argv)
        return code, self.check(code, err.getvalue())

    def try_out(self, action: Callable[[], object]) -> str:
        """Does something that may raise what the launcher prints, and checks it as a command."""
        try:
            action()
        except (UserError, OSError) as error:
            return self.check(2, line(error))
        return self.check(0, "")

    def check(self, code: int, said: str) -> str:
        """Success in silence, or one clear line and 2; nothing else changed; returns the line."""
        assert code in (0, 2), code
        lines = said.splitlines()
        if code:
            assert len(lines) == 1, said
            assert lines[0].startswith("error: ")
            assert lines[0].isprintable()
            assert 10 < len(lines[0]) < 2100
        else:
            assert not lines, said
        assert self._outside() == self._before
        return said

    def _outside(self) -> dict[str, int]:
        found = {}
        for folder, folders, names in os.walk(self.root):
            for name in [*folders, *names]:
                path = Path(folder, name)
                found[str(path)] = path.lstat().st_mtime_ns if path.is_file() else 0
            if Path(folder) == self.root:
                folders[:] = [name for name in folders if name != "work"]
        found.pop(str(self.work), None)
        return found


@contextlib.contextmanager
def parsed_only():
    """Commands end once they are understood: no mode does anything."""
    before = dict(MODES)
    MODES.update({mode: lambda job: None for mode in MODES})
    try:
        yield
    finally:
        MODES.update(before)
