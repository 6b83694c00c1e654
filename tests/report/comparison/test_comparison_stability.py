"""The stability index: closed forms, SciPy's median filter as referee, what does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from gen_jax.report.comparison import stability
from gen_jax.report.workdir import Record, Run

NOTHING = {
    "environment": {},
    "timeline": (),
    "evals": (),
    "figures": {},
    "samples": {},
    "notes": (),
}


def run_of(every=1, family="vae", first=1, **losses):
    """A run that has logged these losses; "loss_total" is "loss/total"."""
    series = {name.replace("loss_", "loss/"): values for name, values in losses.items()}
    count = len(next(iter(series.values())))
    records = tuple(
        Record(first + i, 0.0, "train", {name: float(v[i]) for name, v in series.items()})
        for i in range(count)
    )
    config = {"config": {"log_every": every, "family": family, "batch_size": 8, "n_critic": 3}}
    return Run(path=None, config=config, records=records, **NOTHING)


def measured(**losses):
    return stability.measure(run_of(**losses))


@pytest.mark.parametrize(
    "losses",
    [np.full(40, 3.0), np.linspace(9, 1, 40), np.exp(-np.arange(40) / 9), np.zeros(40)],
)
def test_a_loss_that_follows_its_trend_is_steady(losses):
    assert measured(loss_total=losses) == {"stability": 1.0, "fluctuation": 0.0, "spikes": 0.0}


def test_one_leap_in_closed_form():
    losses = np.full(80, 2.0)
    losses[60] += 4.0  # one of the last 40
    found = measured(loss_total=losses)
    fluctuation = (4 / np.sqrt(40)) / (2 + 4 / 40)
    assert found["fluctuation"] == pytest.approx(fluctuation, rel=1e-12)
    assert found["spikes"] == 1 / 40
    assert found["stability"] == pytest.approx((1 - 1 / 40) / (1 + fluctuation), rel=1e-12)


def test_noise_against_an_independent_median_filter():
    losses = 5 + np.random.default_rng(0).standard_t(2, size=200)
    late = losses[100:]
    left = late - median_filter(late, 11, mode="nearest")
    spikes = np.mean(np.abs(left) > 5 * np.sqrt(np.pi / 2) * np.mean(np.abs(left)))
    assert spikes > 0
    found = measured(loss_total=losses)
    expected = np.sqrt(np.mean(left**2)) / np.mean(np.abs(late))
    assert found["fluctuation"] == pytest.approx(expected, rel=1e-12)
    assert found["spikes"] == spikes


def test_a_smooth_loss_has_no_spikes():
    losses = np.linspace(3, 2, 80)
    losses[5::8], losses[6::8] = losses[6::8].copy(), losses[5::8].copy()  # small steps back
    found = measured(loss_total=losses)
    assert 0 < found["fluctuation"] < 0.01
    assert found["spikes"] == 0


def test_a_few_small_steps_back_of_a_smooth_loss_are_no_spikes():
    losses = np.linspace(3, 2, 40)
    losses[30] += 0.1  # alone beside 19 records that are their own median
    found = measured(loss_total=losses)
    assert 0 < found["fluctuation"] < 0.02
    assert found["spikes"] == 0
    losses[30] += 0.5  # a quarter of the loss
    assert measured(loss_total=losses)["spikes"] == 1 / 20


def test_normal_noise_has_no_spikes():
    losses = 5 + np.random.default_rng(1).normal(size=4000)
    assert measured(loss_total=losses)["spikes"] < 0.002


@settings(max_examples=30)
@given(st.floats(1e-3, 1e3), st.integers(0, 100))
def test_the_unit_of_a_loss_does_not_matter(scale, seed):
    losses = 2 + np.random.default_rng(seed).normal(size=60)
    ours, scaled = measured(loss_total=losses), measured(loss_total=losses * scale)
    assert scaled["stability"] == pytest.approx(ours["stability"], rel=1e-9)
    assert 0 < ours["stability"] <= 1


def test_more_noise_is_less_steady():
    noise = np.random.default_rng(2).normal(size=100)
    indices = [measured(loss_total=5 + size * noise)["stability"] for size in (0.1, 0.5, 1, 3)]
    assert indices == sorted(indices, reverse=True)


def test_the_least_steady_player_counts():
    calm = np.linspace(2, 1, 60)
    wild = 1 + np.random.default_rng(3).random(60)
    game = measured(loss_generator=wild, loss_discriminator=calm, loss_penalty=100 * wild**9)
    assert game == measured(loss_generator=wild)
    assert measured(loss_generator=calm, loss_discriminator=wild) == game


def test_a_classifier_is_judged_by_its_cross_entropy():
    wild = 1 + np.random.default_rng(4).random(60)
    assert measured(cross_entropy=wild) == measured(loss_total=wild)
    assert measured(cross_entropy=wild, loss_total=np.ones(60))["stability"] == 1


def test_only_regular_records_of_training_count():
    losses = np.where(np.arange(1, 81) % 2, 50.0, 1.0)  # leaps at every odd step
    assert stability.measure(run_of(loss_total=losses, every=2))["stability"] == 1
    assert stability.measure(run_of(loss_total=losses, every=1))["stability"] < 0.8
    run = run_of(loss_total=np.ones(40))
    evaluated = tuple(Record(step, 0.0, "eval", {"loss/total": step**2}) for step in range(41, 90))
    assert stability.measure(run._replace(records=run.records + evaluated))["stability"] == 1


def test_what_gives_no_index_says_why():
    assert measured(loss_total=np.ones(19)) == "fewer than 20 records"
    assert measured(mse=np.ones(40)) == "no losses logged"
    bad = np.ones(40)
    bad[-3] = np.nan
    assert measured(loss_total=bad) == "losses not finite"
    early = np.ones(40)
    early[3] = np.inf
    assert measured(loss_total=early)["stability"] == 1
    run = run_of(loss_total=np.ones(40))
    assert stability.measure(run._replace(config={})) == "fewer than 20 records"


def test_indices_compare_where_records_average_equally_many_images():
    assert stability.protocol(run_of(every=5, loss_total=[1.0])) == {"images_per_record": 40}
    # Of the three batches that its critic sees in a step, the losses are of the last.
    gan = run_of(every=5, family="gan", loss_total=[1.0])
    assert stability.protocol(gan) == {"images_per_record": 40}
    assert stability.protocol(gan._replace(config={})) == {}
