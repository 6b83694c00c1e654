"""Freed memory that stays: asked of glibc, and left alone where somebody else has asked."""

import subprocess
import sys

import pytest

from gen_jax.core import heap

FAULTS = """
import os, resource, sys
import numpy as np
from gen_jax.core import heap
print(heap.keep())
def used():
    for _ in range(20):
        np.ones(2**24, np.float32)  # 64 MiB, freed at once
used()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
used()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment):
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    kept, count = done.stdout.split()
    return kept == "True", int(count)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_memory_that_was_freed_is_not_asked_for_again():
    kept, count = faults()
    if not kept:
        pytest.skip("another C library")
    assert count < 1000  # 320,000 pages of 4 KiB were touched
    assert faults(MALLOC_ARENA_MAX="4")[0] is False


@pytest.mark.parametrize("name", ["GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_TRIM_THRESHOLD_"])
def test_what_the_user_has_set_up_is_left_alone(monkeypatch, name):
    monkeypatch.setenv(name, "")
    assert heap.keep() is False


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert heap.keep() is False
