"""The ledger: every line once, in order, and no line altered without a trace."""

import errno
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_jax.audit import ledger
from gen_jax.audit.ledger import ORIGIN, Ledger, chained
from gen_jax.core.digest import digest
from gen_jax.errors import UserError

ABOUT = {"config": {"seed": 0}, "data": {}, "code": {}, "environment": {}}


def state(step):
    return {"step": np.int32(step), "params": {"net": np.arange(4.0) + step}}


def written(workdir, start, stop, every=1):
    """A ledger of the steps from `start` to `stop`, of states that are functions of the step."""
    with Ledger(workdir, start, state(start), ABOUT) as open_ledger:
        for step in range(start + 1, stop + 1):
            open_ledger.advance(f"images of step {step}")
            if step % every == 0 or step == stop:
                open_ledger.record(step, state(step), {"keys": str(step), "metrics": {"mse": 0.5}})
    return ledger.read(workdir)


def lines(workdir):
    return (workdir / ledger.FILE).read_text().splitlines()


def test_a_ledger_holds_a_digest_of_every_step_and_hangs_together(tmp_path):
    found = written(tmp_path, 0, 4, every=2)
    assert not found.fault
    assert [(line["kind"], line["step"]) for line in found.lines] == [
        ("begin", 0),
        ("step", 0),
        ("step", 2),
        ("step", 4),
    ]
    assert found.lines[0]["previous"] == ORIGIN
    assert [line["previous"] for line in found.lines[1:]] == [
        line["hash"] for line in found.lines[:-1]
    ]
    assert found.head() == found.lines[-1]["hash"]
    for step, line in found.steps().items():
        assert line["state"] == digest(state(step))
        assert len(ledger.leaves_of(line)) == 2
    assert found.lines[0]["leaves"] == ["['params']['net']", "['step']"]
    assert found.steps()[4]["metrics"] == {"mse": 0.5}


def test_a_ledger_begins_with_the_beginning_of_a_run(tmp_path):
    line = {"kind": "step", "step": 0, "previous": ORIGIN, "state": "", "indices": "", "leaves": ""}
    line |= {"metrics": {}}
    (tmp_path / ledger.FILE).parent.mkdir(parents=True)
    told = line | {"hash": ledger._hash(line)}
    (tmp_path / ledger.FILE).write_text(json.dumps(told) + "\n")
    found = ledger.read(tmp_path)
    assert not found.lines
    assert "comes before any that begins a run" in found.fault


def test_the_chain_of_indices_is_of_every_step_however_many_lines_there_are(tmp_path):
    often, seldom = written(tmp_path / "a", 0, 6), written(tmp_path / "b", 0, 6, every=3)
    assert often.steps()[6]["indices"] == seldom.steps()[6]["indices"]
    expected = ORIGIN
    for step in range(1, 7):
        expected = chained(expected, f"images of step {step}")
    assert seldom.steps()[6]["indices"] == expected


@pytest.mark.parametrize("stop", [3, 4, 6])
def test_a_run_that_is_resumed_has_each_step_once(tmp_path, stop):
    straight = written(tmp_path / "straight", 0, 6).steps()
    written(tmp_path / "run", 0, stop)
    resumed = written(tmp_path / "run", 3, 6)  # its checkpoint was of step 3
    assert not resumed.fault
    steps = [line["step"] for line in resumed.lines if line["kind"] == "step"]
    assert steps == list(range(7))
    assert [line["step"] for line in resumed.lines if line["kind"] == "begin"] == [0, 3]
    for step, line in resumed.steps().items():
        same = {name: value for name, value in line.items() if name not in ("hash", "previous")}
        assert same == {name: straight[step][name] for name in same}


def test_a_line_that_a_killed_process_left_unfinished_is_no_fault(tmp_path):
    whole = written(tmp_path, 0, 3)
    with (tmp_path / ledger.FILE).open("a") as file:
        file.write('{"kind": "step", "st')
    assert ledger.read(tmp_path) == whole
    assert not written(tmp_path, 3, 4).fault


def altered(text, name):
    line = json.loads(text)
    line[name] = line[name] + 1 if isinstance(line[name], int) else "0" * 64
    return json.dumps(line)


@pytest.mark.parametrize("name", ["step", "state", "indices", "keys", "previous", "hash"])
def test_an_edited_line_is_named(tmp_path, name):
    written(tmp_path, 0, 4)
    texts = lines(tmp_path)
    texts[3] = altered(texts[3], name)
    (tmp_path / ledger.FILE).write_text("\n".join(texts) + "\n")
    found = ledger.read(tmp_path)
    assert found.fault.startswith("line 4 of ledger.jsonl (step, step ")
    assert [line["step"] for line in found.lines] == [0, 0, 1]


def test_a_line_that_is_lost_or_moved_shows(tmp_path):
    written(tmp_path, 0, 4)
    texts = lines(tmp_path)
    for changed in ([*texts[:2], *texts[3:]], [*texts[:2], texts[3], texts[2], *texts[4:]]):
        (tmp_path / ledger.FILE).write_text("\n".join(changed) + "\n")
        assert "does not follow the line before it" in ledger.read(tmp_path).fault


def test_an_altered_ledger_is_not_gone_on_with(tmp_path):
    written(tmp_path, 0, 4)
    texts = lines(tmp_path)
    texts[2] = altered(texts[2], "state")
    (tmp_path / ledger.FILE).write_text("\n".join(texts) + "\n")
    with pytest.raises(UserError, match=r"line 3 .* was altered.*--mode=audit"):
        Ledger(tmp_path, 4, state(4), {})


def test_damage_after_the_step_to_go_on_from_goes_with_what_is_written_anew(tmp_path):
    written(tmp_path, 0, 4)
    texts = lines(tmp_path)
    (tmp_path / ledger.FILE).write_text("\n".join([*texts[:4], "garbage", *texts[5:]]) + "\n")
    assert ledger.read(tmp_path).fault == "line 5 of ledger.jsonl cannot be read"
    found = written(tmp_path, 1, 4)
    assert not found.fault
    assert sorted(found.steps()) == [0, 1, 2, 3, 4]


def test_another_state_than_the_one_recorded_is_not_gone_on_from(tmp_path):
    written(tmp_path, 0, 4)
    with pytest.raises(UserError, match=r"step 2 is not the state .* has for that step"):
        Ledger(tmp_path, 2, state(3), {})


def written_through(open_ledger):
    open_ledger.record(1, state(1), {"metrics": {}})
    open_ledger.wait()


class Full:
    """A file on a disk that is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self):
        pass


def test_a_line_that_cannot_be_written_is_an_error_and_not_a_silence(tmp_path):
    with Ledger(tmp_path, 0, state(0), {}) as open_ledger:
        open_ledger._file.close()
        open_ledger._file = Full()
        with pytest.raises(OSError, match="No space left"):
            written_through(open_ledger)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
ENTRIES = st.sampled_from(["kind", "step", "leaves", "state", "indices", "metrics", "previous"])


@settings(max_examples=300)
@given(st.integers(0, 3), ENTRIES, st.none() | JSON, st.booleans())
def test_a_sealed_line_of_any_content_gives_a_chain_that_can_be_worked_with(
    tmp_path_factory, number, name, value, lost
):
    workdir = tmp_path_factory.mktemp("sealed")
    sealed, previous = [], ORIGIN
    for i, line in enumerate(written(workdir, 0, 2).lines):
        line = {**line, "previous": previous}
        if i == number:
            line = {k: v for k, v in line.items() if k != name} if lost else {**line, name: value}
        del line["hash"]
        previous = line["hash"] = ledger._hash(line)
        sealed.append(json.dumps(line) + "\n")
    (workdir / ledger.FILE).write_text("".join(sealed))
    found = ledger.read(workdir)
    assert found.fault or len(found.lines) == 4
    for line in found.steps().values():
        assert len(ledger.leaves_of(line)) == len(found.begun()[0]["leaves"])
    found.gaps()


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_reading_anything_at_all_gives_a_chain_or_a_fault(tmp_path_factory, pieces):
    workdir = tmp_path_factory.mktemp("any")
    (workdir / "audit").mkdir()
    (workdir / ledger.FILE).write_bytes(b"\n".join(pieces))
    found = ledger.read(workdir)
    assert found.lines == []
    assert bool(found.fault) == (len(b"\n".join(pieces).split(b"\n")) > 1)
