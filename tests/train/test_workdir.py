"""What is recorded of where a run was made."""

import jax
import pytest

from gen_jax.train import workdir


@pytest.mark.parametrize(
    ("setting", "value"),
    [("jax_default_matmul_precision", "float32"), ("jax_threefry_partitionable", False)],
)
def test_settings_of_jax_that_move_bits_are_recorded_where_they_are_not_the_defaults(
    setting, value
):
    assert setting not in workdir.environment()
    before = getattr(jax.config, setting)
    jax.config.update(setting, value)
    try:
        assert workdir.environment()[setting] == str(value)
    finally:
        jax.config.update(setting, before)


def test_the_code_is_what_lay_there_first(monkeypatch):
    first = workdir.code_version()
    monkeypatch.setattr(workdir, "version_of", lambda root: {"git_commit": "of later"})
    assert workdir.code_version() == first
