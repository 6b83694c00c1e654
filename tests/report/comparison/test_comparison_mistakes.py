"""What --mode=compare refuses, before anything is written."""

import pytest

from gen_jax import launch


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--mode=compare", "--workdir=out"], "say which runs, --runs=runs/a,runs/b"),
        (["--mode=compare", "--workdir=out", "--runs="], "say which runs"),
        (["--mode=compare", "--runs=a,b"], "say where to write, --workdir=DIR"),
        (["--mode=compare", "--workdir=out", "--runs=a,b"], "no workdir at a"),
        (["--mode=compare", "--workdir=out", "--runs=*"], "no run matches '*'"),
        (["--mode=compare", "--workdir=out", "--runs=a,b", "--config=x.py"], "leave out --config"),
        (["--mode=compare", "--workdir=out", "--runs=a", "--config.seed=1"], "leave out --config"),
        (["--mode=report", "--workdir=out", "--runs=a,b"], "only modes compare"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(argv, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert launch.main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not list(tmp_path.iterdir())
