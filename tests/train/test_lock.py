"""One process at a time trains in a workdir."""

import os
import subprocess
import sys

import pytest

from configs import base
from gen_jax.errors import UserError
from gen_jax.train import lock, workdir

HOLD = """
import sys
from pathlib import Path
from gen_jax.train import lock
with lock.exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_nothing(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"is being trained by process {other.pid} on "):
            lock.exclusive(tmp_path).__enter__()
        other.kill()
        other.wait()
    with lock.exclusive(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / lock.NAME).read_text()
    with lock.exclusive(tmp_path):
        pass


def test_a_run_that_is_being_trained_keeps_its_config(tmp_path):
    config = base.get_config()
    with workdir.open_for_training(tmp_path, config, "base", {}):
        before = (tmp_path / "config.json").read_bytes()
        config.num_epochs = 3.0
        with pytest.raises(UserError, match="is being trained"):
            workdir.open_for_training(tmp_path, config, "base", {}).__enter__()
        assert (tmp_path / "config.json").read_bytes() == before


def test_a_process_that_ended_before_it_wrote_its_config_left_no_other_run(tmp_path):
    with lock.exclusive(tmp_path):
        pass
    with workdir.open_for_training(tmp_path, base.get_config(), "base", {}):
        assert (tmp_path / "config.json").exists()


def test_where_nothing_can_be_written_it_says_so(tmp_path):
    (tmp_path / lock.NAME).mkdir()
    with pytest.raises(UserError, match=r"cannot write .*training.lock: Is a directory"):
        workdir.open_for_training(tmp_path, base.get_config(), "x", {}).__enter__()
    assert not (tmp_path / "config.json").exists()
