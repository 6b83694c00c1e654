"""Workdirs made up on the spot, and the models they are."""

import pytest

from gen_jax.report.comparison import models, runs
from tests.report.comparison.fabricated import make


@pytest.fixture
def run(tmp_path):
    """Makes a workdir below tmp_path; the rest as in `make`."""
    return lambda folder, **parts: make(tmp_path / folder, **parts)


@pytest.fixture
def grouped(tmp_path):
    """The models of all workdirs in tmp_path, in the order of their names."""
    return lambda: models.group(runs.read([str(tmp_path / "*")], {}))
