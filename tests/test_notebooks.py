"""The notebooks run from top to bottom, on a tiny budget."""

import json
from pathlib import Path

import nbclient
import nbformat
import pytest

TINY = (
    *("--config.num_steps=2", "--config.data.num_train=300", "--config.data.num_test=60"),
    *("--config.eval.examples=60", "--config.eval.samples=60", "--config.eval.batch_size=60"),
    *("--config.data.image_size=16", "--config.eval.disentanglement=False"),
    *("--config.eval.probe_examples=0", "--config.ledger_every=0"),
)
FOLDER = Path(__file__).parents[1] / "notebooks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("QUICKSTART_ARGUMENTS", " ".join(TINY))
    monkeypatch.setenv("QUICKSTART_RUNS", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": FOLDER}}
    ).execute()
    vae = json.loads((tmp_path / "quickstart_vae" / "environment.json").read_text())
    assert vae["parameters"].keys() == {"encoder", "generator"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_and_defines_nothing(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert "def " not in cell.source
            assert "class " not in cell.source
