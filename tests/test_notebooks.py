"""The notebooks run from top to bottom, on a tiny budget."""

import json
import subprocess
import sys
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


def test_training_is_the_first_to_use_a_device():
    # On a GPU a run is refused that could no longer ask for the same bits every time.
    cells = nbformat.read(FOLDER / "quickstart.ipynb", as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    before = code[: next(i for i, source in enumerate(code) if "launch.main" in source)]
    asked = "from gen_jax.core import determinism\nprint(determinism.started())"
    program = "\n".join([*before, asked])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "False", done.stderr


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_and_defines_nothing(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert "def " not in cell.source
            assert "class " not in cell.source
