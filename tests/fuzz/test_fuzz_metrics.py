"""metrics.jsonl of any content: read by training, by a report and by a comparison."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gen_jax.report import workdir
from gen_jax.train import records
from tests.fuzz import values, workdirs
from tests.fuzz.sandbox import Sandbox

FUZZ = settings(max_examples=200, suppress_health_check=list(HealthCheck))
NAMES = (
    "step",
    "wall",
    "kind",
    "epoch",
    "mse",
    "loss/total",
    "images_per_second",
    "x" * 300,
    "\ud800",
)

lines = (
    st.fixed_dictionaries(
        {"step": st.integers(-1, 30) | values.leaves, "wall": st.floats() | values.leaves},
        optional={name: values.leaves | st.floats() for name in NAMES[2:]},
    ).map(json.dumps)
    | values.trees.map(json.dumps)
    | values.texts
    | st.sampled_from(
        ("[" * 100_000, '{"step": 1' + "0" * 5000 + "}", '{"a":' * 40_000, "9" * 5000)
    )
    | st.integers(1, 200).map(
        lambda width: json.dumps({"step": 3, "mse": 0.5, "wall": 1.0})[:width]
    )
)
contents = st.lists(lines, max_size=8).map(
    lambda found: "\n".join(found).encode(errors="surrogatepass")
) | st.binary(max_size=200)
prefixes = st.sampled_from((b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\x1f\x8b\x08"))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("metrics"))
    workdirs.write(sandbox.work)
    with workdirs.undrawn():
        yield sandbox


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("drawing"))
    workdirs.write(sandbox.work)
    return sandbox


@FUZZ
@given(prefixes, contents, st.integers(0, 40))
def test_training_reads_records_alone(sandbox, prefix, content, start):
    file = sandbox.work / records.FILE
    file.write_bytes(prefix + content)
    found = records.read(sandbox.work)
    kept = records.Records(sandbox.work, start)
    kept.write(start + 1, "train", {"mse": 0.5})
    kept.close()
    again = records.read(sandbox.work)
    # As text, for NaN is not even itself.
    assert repr(again[:-1]) == repr([record for record in found if record["step"] <= start])
    assert again[-1]["step"] == start + 1
    for record in found:
        assert type(record["step"]) is int
        assert 0 <= record["step"] < 2**63
        assert all(isinstance(v, int | float) for name, v in record.items() if name != "kind")


@FUZZ
@given(prefixes, contents)
@example(b"", ("[" * 100_000).encode())
def test_a_report_says_what_it_left_out(sandbox, prefix, content):
    (sandbox.work / records.FILE).write_bytes(prefix + content)
    code, _ = sandbox.run("--mode=report", f"--workdir={sandbox.work}")
    assert code == 0
    run = workdir.read(sandbox.work)
    assert all(type(value) is float for record in run.records for value in record.scalars.values())
    written = (prefix + content).decode(errors="replace").splitlines()
    assert run.notes or len(run.timeline) == sum(bool(line.strip()) for line in written)


@settings(FUZZ, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.floats() | st.just(1e308)), max_size=6))
@example([(2**63 - 1, 1.7e308), (2**63 - 2, -1.7e308), (0, 5e-324)])
def test_any_numbers_are_drawn(drawing, rows):
    text = "".join(
        json.dumps({"step": step, "wall": value, "mse": value, "epoch": value}) + "\n"
        for step, value in rows
    )
    (drawing.work / records.FILE).write_text(text)
    code, _ = drawing.run("--mode=report", f"--workdir={drawing.work}")
    assert code == 0
