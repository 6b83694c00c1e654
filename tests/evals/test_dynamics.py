"""Each disease, made of numbers, is named, and none is found in a healthy training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.evals import discrimination, diseases, dynamics
from gen_jax.evals.model import Result
from tests.evals import toy
from tests.evals.test_discrimination import judging, model

RECORDS = 200


def healthy(seed=0):
    """Series of a healthy training: noise around a steady lead of the discriminator."""
    random = np.random.default_rng(seed)

    def noisy(mean, deviation):
        return mean + deviation * random.normal(size=RECORDS)

    return {
        "diversity/distance": noisy(0.95, 0.03),
        "diversity/duplicates": np.abs(noisy(0.0, 0.01)),
        "d/real": noisy(1.5, 0.2),
        "d/fake": noisy(-1.5, 0.2),
        "d/accuracy_real": noisy(0.8, 0.03),
        "d/accuracy_fake": noisy(0.82, 0.03),
        "grad/generator": np.exp(noisy(0.0, 0.3)),
    }


def named(series, found=None, judged=None):
    numbers = dynamics.measure(series, found or {}, judged or {})
    return [finding.name for finding in diseases.diagnose(numbers)]


def late(values, part):
    """1 in the last of so many parts of a series, 0 before."""
    return np.arange(len(values)) >= len(values) - len(values) // part


@given(st.integers(0, 1000))
def test_a_healthy_training_is_found_healthy(seed):
    found = {"modes_found": 8.0, "modes": 8.0}
    judged = {"d_confidence": 0.8, "overconfidence": 0.01, "g_slope": 1.6}
    numbers = dynamics.measure(healthy(seed), found, judged)
    assert diseases.diagnose(numbers) == []
    assert numbers.keys() == dynamics.UNITS.keys()
    sentence = diseases.verdict([], numbers)
    assert sentence.startswith("Healthy: samples 0.9")
    assert "100% of the modes" in sentence


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"diversity/distance": 0.4}, {}),
        ({"diversity/duplicates": 0.3}, {}),
        ({}, {"modes_found": 7, "modes": 8}),
        ({}, {"classes_found": 8, "classes": 10}),
        ({}, {"modes_found": 600, "modes": 1000, "modes_found_perfect": 865}),
    ],
)
def test_mode_collapse(changes, found):
    series = healthy()
    for name, value in changes.items():
        series[name] = np.where(late(series[name], 4), value, series[name])
    assert named(series, found) == ["mode collapse"]


def test_modes_that_few_samples_must_miss_are_no_collapse():
    assert named(healthy(), {"modes_found": 850, "modes": 1000, "modes_found_perfect": 865}) == []


def overpowered(series):
    for side in ("real", "fake"):
        series[f"d/accuracy_{side}"] = np.full(RECORDS, 0.99)
    return series


def test_a_vanishing_gradient_is_small_against_a_sure_discriminator():
    series = overpowered(healthy())
    series["grad/generator"] = series["grad/generator"] * np.geomspace(1, 1e-4, RECORDS)
    assert named(series) == ["vanishing generator gradient", "discriminator overpowered"]
    # Against one that errs, the generator has won.
    assert named(series | {"d/accuracy_fake": np.full(RECORDS, 0.6)}) == []


def test_a_loss_that_is_flat_at_the_samples_leaves_no_gradient():
    series = overpowered(healthy())
    names = ["vanishing generator gradient", "discriminator overpowered"]
    assert named(series, judged={"g_slope": 1e-4}) == names
    assert named(series, judged={"g_slope": 1.9}) == names[1:]


def test_an_overpowered_discriminator_is_sure_of_both_sides():
    assert named(overpowered(healthy())) == ["discriminator overpowered"]
    one_side = overpowered(healthy()) | {"d/accuracy_real": np.full(RECORDS, 0.9)}
    assert named(one_side) == []


def test_a_wasserstein_critic_has_no_accuracy():
    series = {n: v for n, v in healthy().items() if "accuracy" not in n}
    assert named(series) == []
    series["grad/generator"] = np.geomspace(1, 1e-4, RECORDS)
    assert named(series) == ["vanishing generator gradient"]


def test_oscillation():
    series = healthy()
    series["d/fake"] = series["d/fake"] + 6 * np.sin(np.arange(RECORDS) / 5)
    assert named(series) == ["oscillation"]


def test_leaps_of_the_gradient_are_oscillation():
    series = healthy()
    series["grad/generator"] = np.where(np.arange(RECORDS) % 12 == 0, 100, series["grad/generator"])
    assert named(series) == ["oscillation"]


def test_swing_is_that_of_a_sine_around_any_trend():
    times = np.arange(2000)
    wave = 5 * np.sin(2 * np.pi * times / 50)
    expected = 5 / np.sqrt(2) / (1 + 20)
    assert dynamics.swing(20 + wave) == pytest.approx(expected, rel=0.01)
    assert dynamics.swing(100 + 0.5 * times) == pytest.approx(0, abs=1e-9)


def test_spikes_are_counted_against_their_neighbours():
    norms = np.geomspace(1, 1e6, 400)
    assert dynamics.spikes(norms) == 0
    norms[[210, 300, 390]] *= 50
    assert dynamics.spikes(norms) == 3 / 200


def test_overconfidence():
    def found(confidence, beyond):
        judged = {"d_confidence": confidence, "overconfidence": beyond}
        return named(healthy(), judged=judged)

    assert found(0.9, 0.051) == ["discriminator overconfident"]
    assert found(0.9, 0.049) == []
    # The generator is just ahead of a discriminator in two minds.
    assert found(0.53, 0.3) == []


def test_every_threshold_is_of_a_number_there_is():
    assert diseases.thresholds().keys() == dynamics.UNITS.keys()


def test_short_series_are_not_judged():
    series = {name: values[: dynamics.SHORTEST - 1] for name, values in healthy().items()}
    assert dynamics.measure(series) == {}


def test_series_take_each_scalar_where_it_was_logged():
    records = [
        {"step": 1, "wall": 0.0, "kind": "train", "a": 1.0},
        {"step": 2, "wall": 0.0, "kind": "train", "a": 2.0, "b": 3.0},
    ]
    series = dynamics.series(records)
    assert {name: values.tolist() for name, values in series.items()} == {"a": [1, 2], "b": [3]}


def history(series):
    records = [
        {"step": step + 1, "wall": 0.0, "kind": "train"}
        | {name: float(values[step]) for name, values in series.items()}
        for step in range(RECORDS)
    ]
    return (*records, {"step": RECORDS, "wall": 0.0, "kind": "eval", "d/real": 9.0})


def test_a_verdict_with_its_numbers_and_thresholds():
    series = healthy()
    series["diversity/distance"] = 0.3 * np.ones(RECORDS)
    result = dynamics.evaluate(model()._replace(history=history(series)))
    assert result.verdict.startswith("Mode collapse: samples 0.30 times as far apart")
    assert result.values["diversity"] == pytest.approx(0.3)
    assert result.values["diseases"] == 1
    judged = discrimination.evaluate(model()).values
    assert result.values["overconfidence"] == judged["overconfidence"]
    assert result.values["gradient_slope"] == judged["g_slope"]
    assert result.units.keys() == result.values.keys()
    assert result.protocol["found"] == ["mode collapse"]
    assert result.protocol["num_records"] == RECORDS
    assert result.protocol["thresholds"]["diversity"] == diseases.COLLAPSED_DISTANCE


def test_earlier_results_are_not_computed_again():
    def metrics(state, batch, keys):
        raise AssertionError("computed again")

    earlier = {
        "discrimination": Result({"d_confidence": 0.9, "overconfidence": 0.2}, {}, {}),
        "classified": Result({"classes_found": 4.0, "classes": 10.0}, {}, {}),
    }
    trained = model(judging()._replace(metrics=metrics))._replace(history=history(healthy()))
    result = dynamics.evaluate(trained, earlier)
    assert result.protocol["found"] == ["mode collapse", "discriminator overconfident"]
    assert result.values["coverage"] == pytest.approx(0.4)


def test_modes_of_points_are_counted():
    modes = ((0.0, 0.0), (1.0, 0.0))
    spec = DataSpec("pair", (1, 1, 2), 2, ("0", "1"), 12, modes=modes, mode_std=0.1)
    labels = np.arange(12) % 2
    split = ArraySplit(spec, np.float32(modes)[labels][:, None, None], labels.astype(np.int32))

    def sample(state, keys, labels):
        return np.zeros((len(labels), 1, 1, 2), np.float32)

    def metrics(state, batch, keys):
        zeros = 0.0 * batch["image"][:, 0, 0, 0]
        return {"d/real": zeros + 1, "d/fake": zeros - 1}

    family = judging()._replace(sample=sample, metrics=metrics)
    one_mode = toy.model(family, split, family="gan")._replace(history=history(healthy()))
    result = dynamics.evaluate(one_mode)
    assert result.values["coverage"] == 0.5
    assert "mode collapse" in result.protocol["found"]


def test_no_verdict_without_a_training_or_a_discriminator():
    assert dynamics.evaluate(model()) is None
    short = model()._replace(history=history(healthy())[: dynamics.SHORTEST - 1])
    assert dynamics.evaluate(short) is None
    encoding = judging()._replace(encode=lambda state, images, labels: None)
    assert dynamics.evaluate(model(encoding)._replace(history=history(healthy()))) is None
