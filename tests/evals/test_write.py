"""Which evaluations run, and what they leave in the folder."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax import evals
from gen_jax.core.state import Family
from gen_jax.evals.model import Result
from tests.evals import toy

LOADINGS = np.array([[0.8, 0.3], [0.4, -0.6], [0.2, 0.0], [0.0, 0.0]])
QUICK = {"eval.nll_samples": 3, "eval.projection": 0}


def autoencoder():
    # Four pixels have no Laplacian, which the evaluation of samples asks for.
    return toy.linear_gaussian(LOADINGS, 0.5)._replace(sample=None)


def classifier():
    def metrics(state, batch, keys):
        return {"accuracy": jnp.ones(len(batch["label"]))}

    return Family(lambda key: None, lambda *args: None, metrics=metrics)


def write(folder, family, **overrides):
    model = toy.model(family, toy.split(toy.noise_images(40)), **QUICK, **overrides)
    return evals.write(model, folder, "0" * 64)


def test_each_evaluation_has_a_file_and_its_arrays_are_with_the_figures(tmp_path):
    results = write(tmp_path, autoencoder())
    assert {"yardsticks", "nll", "latents", "probe"} <= results.keys()
    assert not {"reconstruction", "anomaly", "denoising", "samples"} & results.keys()
    assert {path.stem for path in tmp_path.glob("*.json")} == results.keys()
    content = json.loads((tmp_path / "nll.json").read_text())
    assert content["values"] == results["nll"].values
    assert content["step"] == 3
    assert content["protocol"]["config_digest"] == "0" * 64
    with np.load(tmp_path / "figures.npz") as arrays:
        assert {"class_names", "nll_curve", "nll_curve_k", "kl_per_dimension"} <= set(arrays.files)
        assert "reconstruction_output" in arrays.files


def test_a_family_that_only_has_metrics_is_evaluated(tmp_path):
    results = write(tmp_path, classifier())
    assert results.keys() == {"reconstruction"}
    assert results["reconstruction"].values == {"accuracy": 1}
    with np.load(tmp_path / "figures.npz") as arrays:
        assert "class_names" in arrays.files
        assert not any(name.startswith("reconstruction") for name in arrays.files)


def test_what_an_earlier_evaluation_left_does_not_pass_for_current(tmp_path):
    write(tmp_path, autoencoder())
    (tmp_path / "somebody_elses.json").write_text("{}")
    results = write(tmp_path, autoencoder(), **{"eval.probe_examples": 0, "eval.pca": False})
    assert not {"probe", "yardsticks"} & results.keys()
    names = {path.stem for path in tmp_path.glob("*.json")}
    assert names == results.keys() | {"somebody_elses"}


def test_an_evaluation_that_is_stopped_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path, autoencoder())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def stopped(model):
        raise KeyboardInterrupt

    monkeypatch.setitem(evals.EVALS, "probe", evals.Evaluation(stopped))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, autoencoder(), seed=7)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_numbers_are_said_to_be_of_the_split_they_are_of(tmp_path, monkeypatch):
    def of_training(model):
        return Result({"a": 1.0}, {"a": ""}, {"split": "train", "num_examples": 12})

    def of_test_images(model):
        return Result({"b": 1.0}, {"b": ""}, {})

    both = {"one": of_training, "other": of_test_images}
    monkeypatch.setattr(evals, "EVALS", {n: evals.Evaluation(f) for n, f in both.items()})
    write(tmp_path, classifier())
    contents = [json.loads((tmp_path / f"{name}.json").read_text()) for name in both]
    assert [(c["split"], c["num_examples"]) for c in contents] == [("train", 12), ("test", 40)]


def test_two_arrays_of_one_name_are_an_error(tmp_path, monkeypatch):
    arrays = {"class_names": np.zeros(1)}
    clash = evals.Evaluation(lambda model: Result({}, {}, {}, arrays=arrays))
    monkeypatch.setattr(evals, "EVALS", {"clash": clash})
    with pytest.raises(TypeError, match="class_names"):
        write(tmp_path, classifier())
