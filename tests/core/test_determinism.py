"""What each backend needs to give the same bits, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from gen_jax.core import determinism
from gen_jax.errors import UserError


@pytest.fixture(autouse=True)
def _flags_as_they_were(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", ""))


def on(monkeypatch, backend, started):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(determinism, "started", lambda: started)


def test_a_cpu_needs_nothing(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS")
    jax.devices()  # from here on it is late for flags
    determinism.check(determinism.ask())
    assert "XLA_FLAGS" not in os.environ


def test_a_gpu_gets_its_flag_before_it_starts(monkeypatch):
    on(monkeypatch, "gpu", started=False)
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    determinism.check(determinism.ask())
    assert os.environ["XLA_FLAGS"] == f"--xla_dump_to=x {determinism.FLAG}=true"
    assert determinism.flags_in_force() == f"--xla_dump_to=x {determinism.FLAG}=true"
    determinism.check(determinism.ask())
    assert os.environ["XLA_FLAGS"].count(determinism.FLAG) == 1


def test_flags_of_a_gpu_say_nothing_of_a_cpu(monkeypatch):
    flags = f"{determinism.FLAG}=true --xla_b --xla_force_host_platform_device_count=4 --xla_a"
    monkeypatch.setenv("XLA_FLAGS", flags)
    assert determinism.flags_in_force() == "--xla_a --xla_b"


@pytest.mark.parametrize(
    ("backend", "started", "flags", "reason"),
    [
        ("gpu", True, "", "used its GPU already"),
        ("cpu", False, f"{determinism.FLAG}=false", "remove that"),
        ("METAL", False, "", "not known how on backend 'METAL'"),
    ],
)
def test_what_cannot_be_had_is_refused(monkeypatch, backend, started, flags, reason):
    on(monkeypatch, backend, started)
    monkeypatch.setenv("XLA_FLAGS", flags)
    with pytest.raises(UserError, match=reason):
        determinism.check(determinism.ask())


def test_a_gpu_that_was_started_with_the_flag_is_fine(monkeypatch):
    on(monkeypatch, "gpu", started=True)
    monkeypatch.setenv("XLA_FLAGS", f"{determinism.FLAG}=true")
    determinism.check(determinism.ask())


def test_whether_a_backend_has_started_can_be_asked():
    jax.devices()
    assert determinism.started() is True


COUNT = """
import os, jax
jax.numpy.ones(3).block_until_ready()
from gen_jax.core import determinism
tasks = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
print(determinism.threads(), sum(name.startswith("tf_XLAEigen") for name in tasks))
"""
ASKED = [
    {},
    {"NPROC": "5"},
    {"PJRT_NPROC": "3", "NPROC": "5"},
    {"NPROC": "?"},
    {"NPROC": "0"},
    {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
]


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted where Linux lists them")
@pytest.mark.parametrize("asked", ASKED)
def test_threads_are_those_that_xla_starts(asked):
    unset = dict.fromkeys(("XLA_FLAGS", *determinism.THREADS), "")
    environment = os.environ | unset | {"JAX_PLATFORMS": "cpu"} | asked
    command = [sys.executable, "-c", COUNT]
    root = Path(__file__).parents[2]
    counted = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True)
    ours, theirs = counted.stdout.split()
    assert ours == theirs


def test_only_a_cpu_has_threads(monkeypatch):
    assert determinism.threads() >= jax.local_device_count()
    on(monkeypatch, "gpu", started=True)
    assert determinism.threads() is None
