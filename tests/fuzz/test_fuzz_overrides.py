"""Command lines: whatever stands in them, one clear line or a job, and nothing is evaluated."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen_jax import config as configs
from gen_jax.modes import MODES
from tests.fuzz import values
from tests.fuzz.sandbox import Sandbox, parsed_only

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs").glob("*.py"))
KEYS = sorted(configs.dotted(configs.base()))
SECTIONS = sorted({key.rpartition(".")[0] for key in KEYS})
FUZZ = settings(max_examples=450, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with parsed_only():
        yield Sandbox(tmp_path_factory.mktemp("overrides"))


@st.composite
def keys(draw):
    """A key, now and then one letter off, in a wrong section, or anything."""
    key = draw(st.sampled_from(KEYS))
    match draw(st.integers(0, 9)):
        case 0:
            at = draw(st.integers(0, len(key)))
            return key[:at] + draw(st.text(max_size=2)) + key[at + 1 :]
        case 1:
            return f"{draw(st.sampled_from(SECTIONS))}.{key.rpartition('.')[2]}"
        case 2:
            return draw(st.sampled_from(SECTIONS) | values.texts)
    return key


@st.composite
def command_lines(draw, code):
    config = draw(st.sampled_from(FILES))
    argv = [f"--config={config}"] if draw(st.integers(0, 9)) else []
    said = values.texts | st.just(code)
    for _ in range(draw(st.integers(1, 3))):
        key, value = draw(keys()), draw(said)
        argv += draw(
            st.sampled_from(
                ([f"--config.{key}={value}"], [f"--config.{key}", value], [f"-config.{key}"])
            )
            if draw(st.integers(0, 5)) == 0
            else st.just([f"--config.{key}={value}"])
        )
    for flag in ("mode", "workdir", "num", "seed", "labels", "runs", "config", "help-me"):
        if draw(st.integers(0, 11)) == 0:
            usual = st.sampled_from(sorted(MODES)) if flag == "mode" else said
            argv.append(f"--{flag}={draw(usual | said)}")
    if draw(st.integers(0, 9)) == 0:
        argv.insert(
            draw(st.integers(0, len(argv))), draw(said.filter(lambda text: text != "--help"))
        )
    return argv


@FUZZ
@given(st.data())
def test_any_command_line(sandbox, data):
    sandbox.run(*data.draw(command_lines(sandbox.code())))


@FUZZ
@given(st.sampled_from(KEYS), values.texts)
def test_any_value_of_a_key(sandbox, key, value):
    code, _ = sandbox.run(f"--config={FILES[0]}", f"--config.{key}={value}")
    assert code in (0, 2)
