"""Each disease, made of numbers, is named, and none is found in a healthy training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.evals import discrimination, diseases, dynamics
from gen_jax.evals.model import Result
from gen_jax.evals.modes import PERFECT
from tests.evals import toy
from tests.evals.test_discrimination import judging, model

RECORDS = 200
EVERY = 50  # steps between records, as in the base config


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
        "g/slope": noisy(1.6, 0.1),
        "grad/generator": np.exp(noisy(0.0, 0.3)),
        "grad/generator_max": 2 * np.exp(noisy(0.0, 0.3)),
        "grad/discriminator_max": np.exp(noisy(0.0, 0.3)),
    }


ALIKE = {"ms_ssim_within": 0.3, "ms_ssim_within_real": 0.2}
JUDGED = {"d_auc": 0.9, "d_confidence": 0.8, "overconfidence": 0.02}


def named(series, found=None, judged=None):
    numbers = dynamics.measure(series, found or {}, judged or {})
    return [finding.name for finding in diseases.diagnose(numbers)]


def late(values, part):
    """1 in the last of so many parts of a series, 0 before."""
    return np.arange(len(values)) >= len(values) - len(values) // part


@given(st.integers(0, 1000))
def test_a_healthy_training_is_found_healthy(seed):
    found = {"modes_found": 8.0, "modes": 8.0, "high_quality": 0.97} | ALIKE
    numbers = dynamics.measure(healthy(seed), found, JUDGED)
    assert diseases.diagnose(numbers) == []
    assert numbers.keys() == dynamics.UNITS.keys()
    sentence = diseases.verdict([], numbers)
    assert sentence.startswith("Healthy: samples 0.9")
    assert "100.0% of the modes or classes found" in sentence


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"diversity/distance": 0.4}, {}),
        ({"diversity/duplicates": 0.3}, {}),
        ({}, {"modes_found": 4, "modes": 8}),
        ({}, {"classes_found": 5, "classes": 10}),
        ({}, {"modes_found": 400, "modes": 1000, "modes_found_perfect": 865}),
        ({}, {"ms_ssim_within": 0.65, "ms_ssim_within_real": 0.2}),
    ],
)
def test_mode_collapse(changes, found):
    series = healthy()
    for name, value in changes.items():
        series[name] = np.where(late(series[name], 4), value, series[name])
    assert named(series, found) == ["mode collapse"]


@pytest.mark.parametrize(
    "found",
    [
        {"modes_found": 7, "modes": 8},
        {"classes_found": 6, "classes": 10},
        {"modes_found": 600, "modes": 1000, "modes_found_perfect": 865},
    ],
)
def test_modes_missing_are_less_than_a_collapse(found):
    assert named(healthy(), found) == ["modes missing"]
    alike = healthy() | {"diversity/duplicates": np.full(RECORDS, 0.3)}
    assert named(alike, found) == ["mode collapse"]


def test_modes_that_few_samples_must_miss_are_no_collapse():
    assert named(healthy(), {"modes_found": 850, "modes": 1000, "modes_found_perfect": 865}) == []


def test_pictures_of_a_class_are_as_unlike_as_the_datas():
    # As like as 0.65 is what digits of one class may be.
    assert named(healthy(), {"ms_ssim_within": 0.65, "ms_ssim_within_real": 0.6}) == []
    numbers = dynamics.measure(healthy(), ALIKE)
    assert numbers["diversity_within"] == pytest.approx(0.7 / 0.8)


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
    assert named(series) == ["discriminator overpowered"]
    series["g/slope"] = np.where(late(series["g/slope"], 4), 1e-4, 1.9)
    assert named(series) == ["vanishing generator gradient", "discriminator overpowered"]


def test_an_overpowered_discriminator_is_sure_of_both_sides():
    assert named(overpowered(healthy())) == ["discriminator overpowered"]
    one_side = overpowered(healthy()) | {"d/accuracy_real": np.full(RECORDS, 0.9)}
    assert named(one_side) == []


def test_a_wasserstein_critic_has_a_ranking_for_its_accuracy():
    series = {n: v for n, v in healthy().items() if "accuracy" not in n and "confidence" not in n}
    assert named(series) == []
    assert named(series, judged={"d_auc": 0.94}) == []
    # To rank every pair rightly is a critic's task.
    assert named(series, judged={"d_auc": 0.999}) == []
    # Where the game has a boundary, the ranking of test images is no evidence.
    assert named(healthy(), judged={"d_auc": 0.96}) == []
    series["grad/generator"] = np.geomspace(1, 1e-4, RECORDS)
    assert named(series) == ["vanishing generator gradient"]
    assert named(series, judged={"d_auc": 0.96}) == ["vanishing generator gradient"]
    assert named(series, judged={"d_auc": 0.6}) == []


def test_a_wasserstein_critics_lead_swings_whatever_its_scale():
    series = {n: v for n, v in healthy().items() if "accuracy" not in n}
    small = series | {name: 1e-3 * series[name] for name in ("d/real", "d/fake")}
    swings = [dynamics.measure(of)["swing"] for of in (series, small)]
    assert swings[0] == pytest.approx(swings[1])


def test_a_critic_whose_lead_was_lost_does_not_oscillate():
    series = {n: v for n, v in healthy().items() if "accuracy" not in n and "confidence" not in n}
    noise = 0.01 * np.random.default_rng(0).normal(size=RECORDS)
    lost = np.where(late(noise, 2), noise, 3.0 + noise)
    assert named(series | {"d/real": lost, "d/fake": np.zeros(RECORDS)}) == []
    swinging = np.where(late(noise, 2), 3 * np.sin(np.arange(RECORDS) / 5), 3.0)
    assert named(series | {"d/real": swinging, "d/fake": np.zeros(RECORDS)}) == ["oscillation"]


def test_oscillation():
    series = healthy()
    series["d/fake"] = series["d/fake"] + 6 * np.sin(np.arange(RECORDS) / 5)
    assert named(series) == ["oscillation"]


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_leaps_of_either_gradient_are_oscillation(network):
    series = healthy()
    leaping = np.arange(RECORDS) % 12 == 0
    # A mean of many steps may not show what their maximum does.
    series["grad/generator"] = np.ones(RECORDS)
    series[f"grad/{network}_max"] = np.where(leaping, 100, series[f"grad/{network}_max"])
    assert named(series) == ["oscillation"]
    assert dynamics.measure(series)["spikes"] == np.mean(leaping[RECORDS // 2 :])


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
        return named(healthy(), judged={"d_confidence": confidence, "overconfidence": beyond})

    assert found(0.9, 0.201) == ["discriminator overconfident"]
    assert found(0.9, 0.199) == []
    # The generator is just ahead of a discriminator in two minds.
    assert found(0.53, 0.3) == []
    # Of images it has learnt from it may say what it likes.
    assert named(healthy() | {"d/overconfidence": np.ones(RECORDS)}) == []


@pytest.mark.parametrize(
    ("found", "quality"),
    [
        ({"high_quality": 0.49 * PERFECT}, 0.49),
        ({"classified_confident": 0.392, "classified_confident_real": 0.8}, 0.49),
        ({"high_quality": 0.51 * PERFECT}, 0.51),
        ({"classified_confident": 0.408, "classified_confident_real": 0.8}, 0.51),
    ],
)
def test_samples_of_no_mode_or_class_are_off_the_data(found, quality):
    found |= {"modes_found": 8, "modes": 8}
    numbers = dynamics.measure(healthy(), found)
    assert numbers["quality"] == pytest.approx(quality)
    findings = diseases.diagnose(numbers)
    assert [finding.name for finding in findings] == ["samples off the data"][: quality < 0.5]
    if findings:
        said = "Samples off the data: 0.49 times as many good ones as among real data."
        assert diseases.verdict(findings, numbers) == said


def test_a_classifier_unsure_of_real_images_says_nothing_of_samples():
    found = {"classified_confident": 0.0, "classified_confident_real": 0.0}
    assert "quality" not in dynamics.measure(healthy(), found)


def test_every_threshold_is_of_a_number_there_is():
    assert diseases.thresholds().keys() == dynamics.UNITS.keys()


def test_short_series_are_not_judged():
    series = {name: values[: dynamics.SHORTEST - 1] for name, values in healthy().items()}
    assert dynamics.measure(series) == {}


def test_series_are_nan_where_no_number_was_logged():
    records = [
        {"step": 1, "wall": 0.0, "kind": "train", "a": 1.0, "b": None},
        {"step": 2, "wall": 0.0, "kind": "train", "a": 2, "b": 3.0, "c": "Infinity"},
    ]
    series = dynamics.series(records)
    assert series.keys() == {"a", "b", "c"}
    expected = {"a": [1, 2], "b": [np.nan, 3], "c": [np.nan, np.nan]}
    for name, values in expected.items():
        np.testing.assert_array_equal(series[name], values)
        assert series[name].dtype == np.float64


def history(series):
    records = [
        {"step": EVERY * (step + 1), "wall": 0.0, "kind": "train"}
        | {name: float(values[step]) for name, values in series.items()}
        for step in range(RECORDS)
    ]
    return (*records, {"step": EVERY * RECORDS, "wall": 0.0, "kind": "eval", "d/real": 9.0})


def test_what_was_not_finite_all_along_tells_nothing_and_the_rest_all_the_same():
    records = history(healthy())
    spoiled = {"diversity/duplicates": float("nan"), "g/slope": None, "grad/generator_max": "inf"}
    spoiled["grad/generator"] = float("inf")
    broken = (*records[:150], records[150] | spoiled, *records[151:])
    whole, rest = (
        dynamics.evaluate(model()._replace(history=of)).values for of in (records, broken)
    )
    lost = {"duplicates", "gradient_slope", "gradient_left"}
    assert rest.keys() == whole.keys() - lost
    # Of the two gradients the other is left.
    same = rest.keys() - {"spikes"}
    assert {name: rest[name] for name in same} == {name: whole[name] for name in same}


def test_a_record_that_a_stop_left_between_two_is_not_counted():
    records = history(healthy())
    between = {"step": EVERY * 190 + 7, "wall": 0.0, "kind": "train", "d/real": 1e6}
    stopped = (*records[:190], between, *records[190:])
    whole, again = (dynamics.evaluate(model()._replace(history=of)) for of in (records, stopped))
    assert again.values == whole.values
    assert again.protocol == whole.protocol
    only_stops = [record | {"step": record["step"] + 1} for record in records]
    assert dynamics.evaluate(model()._replace(history=tuple(only_stops))) is None


def test_a_verdict_with_its_numbers_and_thresholds():
    series = healthy()
    series["diversity/distance"] = 0.3 * np.ones(RECORDS)
    result = dynamics.evaluate(model()._replace(history=history(series)))
    assert result.verdict.startswith("Mode collapse: samples 0.30 times as far apart")
    assert result.values["diversity"] == pytest.approx(0.3)
    assert result.values["diseases"] == 1
    assert result.values["auc"] == discrimination.evaluate(model()).values["d_auc"]
    assert result.values["confidence"] == discrimination.evaluate(model()).values["d_confidence"]
    assert result.values["gradient_slope"] == pytest.approx(series["g/slope"][150:].mean())
    assert result.units.keys() == result.values.keys()
    assert result.protocol["found"] == ["mode collapse"]
    assert result.protocol["split"] == "train"
    assert result.protocol["num_examples"] == RECORDS
    assert (result.protocol["first_step"], result.protocol["last_step"]) == (50, 10_000)
    assert result.protocol["thresholds"]["diversity"] == diseases.COLLAPSED_DISTANCE


def test_earlier_results_are_not_computed_again():
    def metrics(state, batch, keys):
        raise AssertionError("computed again")

    earlier = {
        "discrimination": Result(JUDGED | {"d_auc": 0.75, "overconfidence": 0.5}, {}, {}),
        "classified": Result({"classes_found": 4.0, "classes": 10.0}, {}, {}),
    }
    trained = model(judging()._replace(metrics=metrics))._replace(history=history(healthy()))
    result = dynamics.evaluate(trained, earlier)
    assert result.protocol["found"] == ["mode collapse", "discriminator overconfident"]
    assert result.values["coverage"] == pytest.approx(0.4)
    assert result.values["auc"] == 0.75


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
    assert result.values["quality"] == pytest.approx(1 / PERFECT)
    assert "mode collapse" in result.protocol["found"]


def test_no_verdict_without_a_training_or_a_discriminator():
    assert dynamics.evaluate(model()) is None
    short = model()._replace(history=history(healthy())[: dynamics.SHORTEST - 1])
    assert dynamics.evaluate(short) is None
    encoding = judging()._replace(encode=lambda state, images, labels: None)
    assert dynamics.evaluate(model(encoding)._replace(history=history(healthy()))) is None
    other = model()._replace(history=history({"loss/total": np.ones(RECORDS)}))
    assert dynamics.evaluate(other, {"discrimination": Result({}, {}, {})}) is None
