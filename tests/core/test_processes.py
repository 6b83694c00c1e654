"""What several processes agree on, as far as one can tell; two of them are in tests/train."""

import jax
import numpy as np
import pytest

from gen_jax.core import processes
from gen_jax.core.digest import digest
from gen_jax.errors import UserError


@pytest.mark.parametrize(
    ("coordinator", "count", "index", "said"),
    [
        ("host:1234", None, None, "go together"),
        (None, 2, 0, "go together"),
        ("host", 2, 0, "must be HOST:PORT"),
        (":1234", 2, 0, "must be HOST:PORT"),
        ("host:http", 2, 0, "must be HOST:PORT"),
        ("host:65536", 2, 0, "must be HOST:PORT"),
        ("host:1234", 0, 0, "at least one"),
        ("host:1234", 2, 2, "below --num_processes=2"),
        ("host:1234", 2, -1, "at least 0"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(coordinator, count, index, said):
    with pytest.raises(UserError, match=said):
        processes.place(coordinator, count, index)


def test_a_place_is_given_whole_or_not_at_all():
    assert processes.place(None, None, None) is None
    assert processes.place("[::1]:1234", 2, 1) == ("[::1]:1234", 2, 1)


def test_one_process_agrees_with_itself_and_changes_nothing():
    tree, batch, metrics = {"w": np.ones(3)}, {"image": np.ones((8, 1))}, {"loss": np.ones(8)}
    assert processes.first()
    assert processes.most(15) == 15
    assert processes.from_first(tree) is tree
    processes.check_alike("a")
    processes.release()
    stops = processes.Stops()
    assert stops.send(batch, 15) is batch
    assert (stops.hear(metrics, 15), stops.hear(metrics, None)) == (15, None)
    with pytest.raises(ZeroDivisionError), processes.together():
        raise ZeroDivisionError


@pytest.fixture
def others(monkeypatch):
    """Three processes, of which this is the second; what the others say can be set."""
    said = [0, 0, 0]

    def gather(number):
        return np.stack([number if index == 1 else other for index, other in enumerate(said)])

    monkeypatch.setattr(jax, "process_count", lambda: 3)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    monkeypatch.setattr(processes.multihost_utils, "process_allgather", gather)
    return said


def test_where_another_process_fails_this_one_stops(others):
    with processes.together():
        pass
    others[2] = 3
    with pytest.raises(UserError, match="process 2 could not go on"), processes.together():
        pass


def test_a_process_that_fails_says_why_whatever_the_others_do(others):
    others[0] = 1
    with pytest.raises(ZeroDivisionError), processes.together():
        raise ZeroDivisionError


def test_only_the_first_process_enters_and_the_others_stand_by(others):
    with processes.by_first(lambda: pytest.fail("entered")) as entered:
        assert entered.save(3) is None


def test_processes_with_other_values_are_named(others, monkeypatch):
    digests = lambda ours: np.stack([ours, ours, ours + np.uint8(1)])  # noqa: E731
    monkeypatch.setattr(processes.multihost_utils, "process_allgather", digests)
    with pytest.raises(UserError, match=r"processes \[2\] have another config"):
        processes.check_alike({"a": 1})


def test_a_signal_is_obeyed_a_few_steps_after_the_step_it_came_with(others):
    stops = processes.Stops()
    sent = stops.send({"image": np.ones((8, 1))}, 15)
    np.testing.assert_array_equal(sent[processes.SIGNAL], np.full(8, 15))
    heard = []
    for step in range(6):
        metrics = {"loss": np.ones(8), processes.SIGNAL: np.full(8, 15 * (step == 2), np.int32)}
        heard.append(stops.hear(metrics, 2))
        assert metrics.keys() == {"loss"}
    assert heard == [None] * (2 + processes.LAG) + [15, None]


def test_the_state_of_the_first_process_arrives_bit_for_bit(monkeypatch):
    state = {
        "w": np.array([-0.0, np.nan, 1e-40], np.float32),
        "b": jax.numpy.full(3, 0.1, jax.numpy.bfloat16),
        "key": jax.random.key(3),
        "none": np.zeros((0, 2)),
        "step": jax.numpy.int32(7),
    }
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(processes.multihost_utils, "broadcast_one_to_all", lambda tree: tree + 0)
    sent = processes.from_first(state)
    monkeypatch.undo()
    assert digest(sent) == digest(state)
