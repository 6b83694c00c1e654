"""Two processes on one machine train the model of one, stop together and fail together."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gen_jax import launch
from gen_jax.audit import ledger
from gen_jax.core.digest import digest
from gen_jax.train import records

ROOT = Path(__file__).parents[2]
STEPS = 9  # as in worker.py
VAE = "--config=configs/vae_mnist.py"
OF_THE_MACHINE = {"wall", "images_per_second", "memory/host", "memory/device"}


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def by_hand(port, index):
    flags = [f"--coordinator=127.0.0.1:{port}", "--num_processes=2", f"--process_id={index}"]
    return flags, {}


def by_slurm(port, index):
    variables = {"JOB_ID": 7, "STEP_NODELIST": "127.0.0.1", "NTASKS": 2}
    variables |= {"PROCID": index, "LOCALID": index}
    variables = {f"SLURM_{name}": str(value) for name, value in variables.items()}
    return ["--distributed"], variables | {"JAX_COORDINATOR_PORT": str(port)}


def alone(port, index):
    return [], {}


def start(workdir, *argv, join=by_hand, count=2, devices=1, **variables):
    """Exit codes and outputs of processes that train in `workdir`; all have ended."""
    port, ended, argv = free_port(), [], [f"--workdir={workdir}", *argv]
    # The last of two equal flags counts. JAX warns of proxies, which gRPC would go through.
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    common = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    common["XLA_FLAGS"] = flags
    common["PJRT_NPROC"] = "2"  # on one core a process of one device would have one thread
    with ExitStack() as stack:
        started = []
        for index in range(count):
            places, environment = join(port, index)
            environment |= {name: values[index] for name, values in variables.items()}
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.train.worker", *places, *argv],
                env=common | environment,
                cwd=ROOT,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(process)
        for process in started:
            said, _ = process.communicate(timeout=300)
            ended.append((process.returncode, said))
    return ended


def final(workdir):
    """The newest checkpoint of a run, and its records."""
    model = launch.restore(launch.parse([f"--workdir={workdir}"]))
    return model.state, records.read(workdir)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The workdir of one process of two devices."""
    workdir = tmp_path_factory.mktemp("processes") / "one"
    ended = start(workdir, VAE, join=alone, count=1, devices=2)
    assert ended[0][0] == 0, ended
    return workdir


def test_two_processes_train_the_model_of_one_and_the_first_alone_writes(one, tmp_path):
    workdir = tmp_path / "two"
    ended = start(workdir, VAE, join=by_slurm, EVALUATE="11")
    assert [code for code, _ in ended] == [0, 0], ended
    first, other = (said for _, said in ended)
    assert "report: " in first
    assert [line for line in first.splitlines() if line.startswith(f"step {STEPS}/{STEPS}")]
    assert not [line for line in other.splitlines() if line and not line.startswith("[Gloo]")]
    environment = json.loads((workdir / "environment.json").read_text())
    assert (environment["process_count"], environment["device_count"]) == (2, 2)
    assert "resumed" not in environment
    here, ours = final(one)
    there, theirs = final(workdir)
    assert digest(here) == digest(there)  # the sum of two numbers has no order
    assert [line["step"] for line in theirs if line["kind"] == "train"] == [2, 4, 6, 8, 9]
    assert [line["step"] for line in theirs if line["kind"] == "eval"] == [4, 8]
    for line, other_line in zip(ours, theirs, strict=True):
        assert line.keys() == other_line.keys()
        for name in line.keys() - OF_THE_MACHINE:
            assert other_line[name] == line[name], name
    # The first process's ledger is that of all.
    mine, joint = (ledger.read(each).steps() for each in (one, workdir))
    assert mine.keys() == joint.keys() > {0, 1, 2, STEPS}
    for step, line in mine.items():
        for name in line.keys() - {"hash", "previous"}:
            assert joint[step][name] == line[name], (step, name)


def test_a_signal_to_the_second_process_stops_both_which_resume_to_the_same_bits(one, tmp_path):
    workdir = tmp_path / "two"
    ended = start(workdir, VAE, SIGTERM_AT="03")
    assert [code for code, _ in ended] == [128 + signal.SIGTERM] * 2, ended
    (stopped,) = {said.strip().splitlines()[-1] for _, said in ended}
    (step,) = [int(path.name) for path in (workdir / "checkpoints").iterdir()]
    assert stopped == f"stopped at step {step}; the same command goes on from there"
    assert 3 <= step < STEPS
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    # What one process refuses both refuse.
    ended = start(workdir, VAE, "--config.loss.beta=0.5")
    assert [code for code, _ in ended] == [2, 2], ended
    said = [said.strip().splitlines()[-1] for _, said in ended]
    assert "was made by another config: loss.beta 1.0 -> 0.5" in said[0]
    assert said[1] == "error: process 0 could not go on; what it printed says why"
    assert {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()} == before
    ended = start(workdir, VAE)
    assert [code for code, _ in ended] == [0, 0], ended
    assert f"Resuming at step {step}." in ended[0][1]
    resumed, lines = final(workdir)
    assert digest(resumed) == digest(final(one)[0])
    assert len({line["step"] for line in lines if line["kind"] == "train"}) >= 5
