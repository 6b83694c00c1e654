"""A full disk: the run stops, its last checkpoint intact, and goes on when there is room."""

import contextlib
import subprocess

import pytest

from gen_jax.core.digest import digest
from gen_jax.errors import UserError
from gen_jax.train.checkpoints import Checkpoints
from tests.train import test_loop


@pytest.fixture
def small_disk(tmp_path):
    """A folder with 8 MiB of its own; only root may have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True).returncode == 0:
            yield folder
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            return
    pytest.skip("no file system can be mounted here")


def test_a_full_disk_stops_the_run_and_costs_it_nothing_else(small_disk, tmp_path, monkeypatch):
    straight = digest(test_loop.run(tmp_path / "straight", test_loop.small()))
    filler = small_disk / "filler"

    def fill(state, step):
        if step == 8:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        return {"mse": 1.0 / step}

    with monkeypatch.context() as patch:
        patch.setattr(test_loop.loop_hooks, "HOOKS", test_loop.HOOKS._replace(evaluate=fill))
        with pytest.raises((UserError, OSError), match=r"cannot write|No space left"):
            test_loop.run(small_disk / "run", test_loop.small())
    with Checkpoints(small_disk / "run" / "checkpoints", read_only=True) as checkpoints:
        assert checkpoints.latest_step() == 4
    filler.unlink()
    assert digest(test_loop.run(small_disk / "run", test_loop.small())) == straight
    assert test_loop.steps_logged(small_disk / "run")[0] == list(range(1, test_loop.STEPS + 1))
