"""Options of XLA, and where compiled programs are kept."""

import os
import subprocess
import sys

import jax
import pytest

from gen_jax.core import determinism, xla

FLAG = "--xla_cpu_experimental_ynn_fusion_type"
OTHER = "--xla_cpu_use_fusion_emitters=false"


@pytest.fixture
def fresh(monkeypatch):
    """A process whose JAX has no backend yet, as far as `prepare` can tell."""
    monkeypatch.setattr(determinism, "started", lambda: False)
    monkeypatch.setattr(xla, "knows", lambda flag: True)
    monkeypatch.setattr(xla, "cpu_alone", lambda: False)
    monkeypatch.setattr(xla.heap, "keep", lambda: True)  # not of the tests' own process
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    return monkeypatch


def test_flags_are_added_to_those_that_are_set(fresh):
    xla.prepare()
    assert os.environ["XLA_FLAGS"] == f"--xla_dump_to=x {FLAG}= {OTHER}"


def test_the_users_own_choice_stays(fresh):
    fresh.setenv("XLA_FLAGS", f"{FLAG}=LIBRARY_FUSION_TYPE_DOT")
    xla.prepare()
    assert os.environ["XLA_FLAGS"] == f"{FLAG}=LIBRARY_FUSION_TYPE_DOT {OTHER}"


def test_a_cpu_alone_has_one_flag_more(fresh):
    fresh.setattr(xla, "cpu_alone", lambda: True)
    xla.prepare()
    assert os.environ["XLA_FLAGS"].endswith(f"{OTHER} --xla_backend_optimization_level=1")


@pytest.fixture
def platforms():
    """Sets what JAX may use, of which it asks no more once its backend has started."""
    before = jax.config.jax_platforms
    yield lambda names: jax.config.update("jax_platforms", names)
    jax.config.update("jax_platforms", before)


def test_a_cpu_is_alone_where_nothing_else_is_allowed_or_installed(monkeypatch, platforms):
    monkeypatch.setattr(xla, "find_spec", lambda name: None)
    monkeypatch.setattr(xla, "entry_points", lambda group: ())
    for names, alone in (("cpu", True), ("cuda,cpu", False), (None, True)):
        platforms(names)
        assert xla.cpu_alone() == alone
    monkeypatch.setattr(xla, "entry_points", lambda group: ("a GPU's",))
    assert not xla.cpu_alone()


def test_a_flag_this_jaxlib_lacks_is_not_set(fresh):
    fresh.setattr(xla, "knows", lambda flag: False)
    xla.prepare()
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=x"


def test_after_the_backend_has_started_nothing_is_claimed(fresh):
    fresh.setattr(determinism, "started", lambda: True)
    xla.prepare()
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=x"


def test_a_flag_is_known_or_not():
    assert xla.knows("xla_force_host_platform_device_count")
    assert not xla.knows("xla_no_such_flag")


SECOND = """
import logging, sys, jax, jax.numpy as jnp
from gen_jax.core import xla
xla.prepare()
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(float(jax.jit(lambda x: jnp.sin(x).sum())(jnp.arange(7.0))))
print(sum(name.endswith("cache_hits") for name in hits) > 0)
"""


def test_a_second_process_finds_the_program_of_the_first(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "XLA_FLAGS": ""}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", SECOND],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    )
    assert first == [second[0], "False"]
    assert second[1] == "True"
    assert list((tmp_path / "gen_jax" / "programs").iterdir()) == [
        tmp_path / "gen_jax" / "programs" / xla.programs().name
    ]


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    (tmp_path / "gen_jax").write_text("in the way")
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "XLA_FLAGS": ""}
    run = subprocess.run(
        [sys.executable, "-c", SECOND], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[1] == "False"
