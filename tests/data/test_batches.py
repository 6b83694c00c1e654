import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.data.batches import Batches, epoch_order, num_steps
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.errors import UserError


def numbered(size, channels=1):
    """A split whose image i has i in its left column and 255 - i in its right one."""
    images = np.zeros((size, 2, 3, channels), np.uint8)
    images[:, :, 0] = np.arange(size).reshape(-1, 1, 1)
    images[:, :, 2] = 255 - np.arange(size).reshape(-1, 1, 1)
    spec = DataSpec("numbered", images.shape[1:], size, tuple(map(str, range(size))), size)
    return ArraySplit(spec, images, np.arange(size, dtype=np.int32))


streams = {
    "size": st.integers(1, 40),
    "batch_size": st.integers(1, 100),
    "draws": st.integers(1, 4),
    "seed": st.integers(0, 2**64 - 1),
}


def stream(batches, start, stop):
    return np.concatenate([batches.indices(step)[0].ravel() for step in range(start, stop)])


@given(**streams)
def test_epochs_are_permutations_and_nothing_is_dropped(size, batch_size, draws, seed):
    batches = Batches(numbered(size), batch_size, seed, draws=draws)
    positions = stream(batches, 0, num_steps(size, batch_size, draws, 3))
    assert len(positions) >= 3 * size
    for epoch in range(3):
        seen = positions[epoch * size : (epoch + 1) * size]
        np.testing.assert_array_equal(np.sort(seen), np.arange(size))
    fewer = num_steps(size, batch_size, draws, 3) - 1
    assert fewer * batch_size * draws < 3 * size


@given(**streams, start=st.integers(0, 10**9))
def test_any_step_can_be_asked_for_first(size, batch_size, draws, seed, start):
    straight = Batches(numbered(size), batch_size, seed, flip=True, draws=draws)
    steps = range(start, start + 4)
    expected = [straight.indices(step) for step in steps]
    for step, (indices, flips) in reversed(list(zip(steps, expected, strict=True))):
        resumed = Batches(numbered(size), batch_size, seed, flip=True, draws=draws)
        np.testing.assert_array_equal(resumed.indices(step)[0], indices)
        np.testing.assert_array_equal(resumed.indices(step)[1], flips)


def test_a_batch_straddles_epochs():
    batches = Batches(numbered(10), batch_size=8, seed=3)
    first, second = epoch_order(10, 3, 0)[0], epoch_order(10, 3, 1)[0]
    indices, _ = batches.indices(1)
    np.testing.assert_array_equal(indices[0], np.concatenate([first[8:], second[:6]]))


def test_one_batch_may_span_many_epochs():
    indices, _ = Batches(numbered(3), batch_size=7, seed=0, draws=2).indices(0)
    np.testing.assert_array_equal(np.sort(indices.ravel()[:12].reshape(4, 3)), [[0, 1, 2]] * 4)


def test_draws_cut_the_same_stream_as_steps_do():
    # The order of images depends on neither how a step is cut up nor on who computes it.
    whole, cut = (Batches(numbered(30), 12 // d, 5, flip=True, draws=d) for d in (1, 3))
    for kind in (0, 1):
        np.testing.assert_array_equal(whole.indices(4)[kind].ravel(), cut.indices(4)[kind].ravel())


def test_the_stream_is_pinned_to_the_numbers_of_philox():
    # Written out: another order would silently break every resumed or audited run.
    order, flips = epoch_order(8, seed=42, epoch=1)
    assert order.tolist() == [4, 5, 3, 0, 2, 7, 1, 6]
    assert flips.tolist() == [True, False, False, False, False, False, True, True]


def test_seeds_and_epochs_differ():
    orders = {tuple(epoch_order(50, seed, epoch)[0]) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_batch_holds_the_images_and_labels_of_its_indices():
    batches = Batches(numbered(20, channels=3), batch_size=6, seed=1, draws=2)
    batch, (indices, _) = batches.batch(2), batches.indices(2)
    assert batch["image"].shape == (2, 6, 2, 3, 3)
    assert batch["image"].dtype == np.uint8
    assert batch["label"].dtype == np.int32
    np.testing.assert_array_equal(batch["label"], indices)
    np.testing.assert_array_equal(batch["image"][:, :, 0, 0, 0], indices)


def test_flips_mirror_left_and_right_of_the_chosen_images_only():
    split = numbered(20)
    batches = Batches(split, batch_size=10, seed=1, flip=True, draws=2)
    batch, (indices, flips) = batches.batch(0), batches.indices(0)
    assert flips.any()
    assert not flips.all()
    left = batch["image"][:, :, 0, 0, 0]
    np.testing.assert_array_equal(left, np.where(flips, 255 - indices, indices))
    np.testing.assert_array_equal(split.images, numbered(20).images)  # the source is untouched


def test_flips_are_fair_and_new_every_epoch():
    flips = np.stack([epoch_order(10_000, 7, epoch)[1] for epoch in range(2)])
    # Four standard deviations of a mean of 10,000 fair coins.
    np.testing.assert_allclose(flips.mean(axis=1), 0.5, atol=4 * 0.005)
    np.testing.assert_allclose((flips[0] == flips[1]).mean(), 0.5, atol=4 * 0.005)


def test_no_flips_unless_asked():
    assert not Batches(numbered(20), 20, seed=1).indices(0)[1].any()


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_prefetch_gives_the_steps_in_order(depth):
    batches = Batches(numbered(9), batch_size=4, seed=0, flip=True)
    steps = list(batches.prefetch(3, 10, depth))
    assert [step for step, _ in steps] == list(range(3, 10))
    for step, batch in steps:
        np.testing.assert_array_equal(batch["image"], batches.batch(step)["image"])


def test_prefetch_of_nothing_is_empty():
    assert list(Batches(numbered(9), 4, seed=0).prefetch(5, 5)) == []


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("prefetch")]


class Failing(ArraySplit):
    """Reads twice, then never again."""

    reads = 0

    def gather(self, indices):
        self.reads += 1
        if self.reads > 2:
            raise UserError("lost.png: not a readable image")
        return super().gather(indices)


def test_prefetch_raises_what_the_thread_raised_at_its_step():
    whole = numbered(9)
    batches = Batches(Failing(whole.spec, whole.images, whole.labels), 4, seed=0)
    steps = batches.prefetch(0, 100)
    assert [next(steps)[0], next(steps)[0]] == [0, 1]
    with pytest.raises(UserError, match=r"lost\.png"):
        next(steps)
    assert not threads()


def test_prefetch_stops_its_thread_when_the_loop_ends_early():
    batches = Batches(numbered(9), 4, seed=0)
    steps = batches.prefetch(0, 10**9)
    assert next(steps)[0] == 0
    assert threads()
    steps.close()
    assert not threads()


def test_prefetch_runs_only_so_far_ahead():
    whole = numbered(9)
    split = Failing(whole.spec, whole.images, whole.labels)
    split.reads = -1000
    steps = Batches(split, 4, seed=0).prefetch(0, 500, depth=3)
    next(steps)
    steps.close()
    assert split.reads <= -1000 + 4


def test_num_steps_rounds_up():
    assert num_steps(50_000, 128, 1, 20) == 7813
    assert num_steps(10, 5, 1, 1) == 2
    assert num_steps(10, 5, 2, 1.5) == 2
    assert num_steps(11, 5, 1, 0) == 0


def test_bad_numbers_are_named():
    with pytest.raises(UserError, match="batch_size"):
        Batches(numbered(4), 0, seed=0)
    with pytest.raises(UserError, match="seed"):
        Batches(numbered(4), 2, seed=-1)
    with pytest.raises(UserError, match="no images"):
        Batches(numbered(0), 2, seed=0)


def test_processes_get_their_shares_of_one_batch():
    whole = Batches(numbered(10), batch_size=8, seed=3, flip=True, draws=2).batch(1)
    shares = [
        Batches(numbered(10), 8, 3, True, 2, slice(first, first + 4)).batch(1) for first in (0, 4)
    ]
    for name, array in whole.items():
        joined = np.concatenate([share[name] for share in shares], axis=1)
        np.testing.assert_array_equal(joined, array)
