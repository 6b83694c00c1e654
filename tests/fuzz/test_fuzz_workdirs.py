"""Workdirs from anywhere: config.json, environment.json, evals/ and samples/ of any content."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen_jax.train import workdir
from tests.fuzz import values, workdirs
from tests.fuzz.sandbox import Sandbox, parsed_only

FUZZ = settings(max_examples=150, suppress_health_check=list(HealthCheck))
BAD = (
    "",
    "{",
    "null",
    "[]",
    "[" * 100_000,
    '{"a":' * 9000,
    "\ufeff{}",
    '{"config": {"seed": 1e999}}',
)

garbage = st.sampled_from(BAD) | values.texts


def damaged(content):
    return values.mutated(content) | values.mutated(content, most=1) | garbage


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with workdirs.undrawn():
        yield Sandbox(tmp_path_factory.mktemp("workdirs"))


@FUZZ
@given(
    st.one_of(
        damaged(workdirs.ENVIRONMENT).map(lambda content: {"environment": content}),
        damaged(workdirs.EVALUATION).map(lambda content: {"evals/reconstruction": content}),
    )
)
def test_a_report_of_any_json(sandbox, contents):
    workdirs.write(sandbox.work, **contents)
    code, _ = sandbox.run("--mode=report", f"--workdir={sandbox.work}")
    assert code == 0


@FUZZ
@given(damaged(workdirs.CONFIG))
def test_a_run_of_any_config(sandbox, config):
    workdirs.write(sandbox.work, config=config)
    with parsed_only():
        understood, _ = sandbox.run(f"--workdir={sandbox.work}")
    code, _ = sandbox.run("--mode=report", f"--workdir={sandbox.work}")
    assert code == understood


@FUZZ
@given(damaged(workdirs.CONFIG), damaged(workdirs.EVALUATION), damaged(workdirs.ENVIRONMENT))
def test_a_comparison_of_any_two(sandbox, config, evaluation, environment):
    first = workdirs.write(sandbox.work / "first")
    second = sandbox.work / "second"
    contents = {"evals/reconstruction": evaluation, "environment": environment}
    workdirs.write(second, seed=1, config=config, **contents)
    out = sandbox.work / "out"
    code, _ = sandbox.run("--mode=compare", f"--runs={first},{second}", f"--workdir={out}")
    assert code == 0


@settings(FUZZ, max_examples=30)
@given(damaged(workdirs.ENVIRONMENT))
def test_a_resumed_run_finds_any_environment(sandbox, environment):
    workdirs.write(sandbox.work, environment=environment)
    sandbox.try_out(lambda: workdir.record_environment(sandbox.work, 3, "python run.py", {}))
