"""Checkpoints with anything wrong: an intact earlier one, or one line; links lead nowhere."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen_jax.core.digest import digest
from gen_jax.train.checkpoints import Checkpoints
from tests.fuzz import workdirs
from tests.fuzz.sandbox import Sandbox
from tests.train.saved import save, state

FUZZ = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("checkpoints"))
    save(sandbox.work / "intact", [1, 2])
    return sandbox


@FUZZ
@given(st.data())
def test_any_damage(sandbox, data):
    copy = sandbox.work / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(sandbox.work / "intact", copy)
    for _ in range(data.draw(st.integers(1, 4))):
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files or [copy / "x"]))
        content = bytearray(path.read_bytes()) if path.exists() else bytearray()
        match data.draw(st.integers(0, 5)):
            case 0:
                path.unlink(missing_ok=True)
            case 1:
                path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
            case 2:
                path.write_bytes(data.draw(st.binary(max_size=40)))
            case 3:
                shutil.rmtree(path.parent)
                copy.mkdir(exist_ok=True)
            case 4 if content:
                for _ in range(data.draw(st.integers(1, 9))):
                    at = data.draw(st.integers(0, len(content) - 1))
                    content[at] = data.draw(st.integers(0, 255))
                path.write_bytes(content)
            case _:
                names = ("3", "99999999999999999999", "-1", "corrupt-2", "03", "1.5", "\udcff")
                (copy / data.draw(st.sampled_from(names))).mkdir(exist_ok=True)

    def restore():
        with Checkpoints(copy, best_metric="mse", read_only=data.draw(st.booleans())) as found:
            restored, step, _ = found.restore(state(0))
        assert digest(restored) == digest(state(step))

    sandbox.try_out(restore)


@pytest.mark.parametrize("name", ["report", "evals", "report.md", "metrics.jsonl", "checkpoints"])
def test_nothing_is_written_through_links(sandbox, name):
    root = workdirs.write(sandbox.work / "linked")
    link = root / name
    if link.exists() and not link.is_symlink():
        shutil.rmtree(link) if link.is_dir() else link.unlink()
    link.symlink_to(sandbox.root / "elsewhere" / ("precious.txt" if "." in name else ""))
    for mode in ("report", "evaluate", "sample", "train"):
        code, said = sandbox.run(f"--mode={mode}", f"--workdir={root}")
        assert code == 2
        assert "leads out of the workdir" in said
    link.unlink()
