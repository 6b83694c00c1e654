"""Reading a queue: what a line may hold, and every mistake named with its line."""

from pathlib import Path

import pytest

from gen_jax.errors import UserError
from gen_jax.launch import parse
from gen_jax.queue import commands

ROOT = Path(__file__).parents[2]
SHAPES = f"--config={ROOT}/configs/cvae_gan_shapes.py"


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text, **environment):
        path = tmp_path / "queue.txt"
        path.write_text(text)
        return commands.read(path, environment, parse)

    return read


def test_lines_are_split_as_a_shell_does_and_named_by_their_workdir(read):
    found = read(
        f"# a comment\n{SHAPES} --workdir='runs/a b'  # the first\n\n"
        f"{SHAPES} --config.loss.beta=$BETA\n"
        "--workdir='runs/a b' --mode=evaluate --config.eval.pca=false\n"
        "--mode=compare --runs='runs/*' --workdir=runs/both\n",
        BETA="0.5",
    )
    assert [each.number for each in found] == [1, 2, 3, 4]
    names = ["a b", "cvae_gan_shapes", "a b evaluate", "both compare"]
    assert [each.name for each in found] == names
    assert found[1].args[1] == "--config.loss.beta=0.5"
    assert len({each.key for each in found}) == 4


def test_a_key_depends_on_what_is_written_and_set_but_not_on_variables(read, tmp_path):
    text = "--config=mine.py --config.eval.classifier=$JUDGE\n"
    config = tmp_path / "mine.py"
    source = "from configs.base import get_config as base\ndef get_config():\n    c = base()\n"
    config.write_text(source + "    return c\n")
    first, moved = read(text, JUDGE="a.npz"), read(text, JUDGE="b.npz")
    config.write_text(source + "    c.z_dim = 5\n    return c\n")
    changed = read(text, JUDGE="a.npz")
    assert first[0].key != changed[0].key
    assert first[0].key == moved[0].key
    assert first[0].args != moved[0].args


def test_a_comment_begins_a_word_and_a_quoted_one_none(read):
    found = read(
        f"{SHAPES} --workdir=runs/exp#2 --config.seed=3  # it's a comment\n"
        f"{SHAPES} --workdir='runs/a #b'\n   # another 'one\n"
    )
    assert [each.args[1:] for each in found] == [
        ("--workdir=runs/exp#2", "--config.seed=3"),
        ("--workdir=runs/a #b",),
    ]


def test_commands_after_a_wait_need_those_before(read):
    found = read(f"{SHAPES}\nwait\n{SHAPES} --config.seed=1\n{SHAPES} --config.seed=2\n")
    assert [each.after for each in found] == [0, 1, 1]


def test_variables_may_stay_as_they_are(read, tmp_path):
    (tmp_path / "queue.txt").write_text(f"{SHAPES} --workdir=$THERE/a\n")
    (found,) = commands.read(tmp_path / "queue.txt", None, parse)
    assert found.where == Path("$THERE/a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 commands"),
        ("# nothing\n", "holds 0 commands"),
        (f"{SHAPES}\n{SHAPES} --config.loss.bta=1\n", "line 2: .*beta"),
        (f"{SHAPES}\n\n{SHAPES}\n", "line 3: the same as line 1"),
        (f"{SHAPES} --workdir='runs\n", "line 1: No closing quotation"),
        (f"{SHAPES} --workdir=$THERE\n", "line 1: the variable THERE is not set"),
        (f"{SHAPES} --workdir=$\n", "line 1: "),
        ("--workdir=runs/none --mode=evaluate\n", "line 1: no run in runs/none"),
        (f"{SHAPES}\n--workdir=runs/cvae_gan_shapes --config.bta=1\n", "line 2: .*bta"),
        ("--queue=other.txt\n", "line 1: a queue within a queue"),
        (f"{SHAPES} --mode=trian\n", "line 1: .*train"),
    ],
)
def test_a_mistake_is_named_with_its_line(read, text, said):
    with pytest.raises(UserError, match=said):
        read(text)


def test_seeds_of_an_earlier_line_may_be_named(read):
    found = read(
        f"{SHAPES} --config.num_seeds=2\n--workdir=runs/cvae_gan_shapes/seed43 --mode=report\n"
    )
    assert found[1].name == "seed43 report"


def test_no_text_and_no_file_are_one_line(tmp_path):
    path = tmp_path / "queue.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        commands.read(path, {}, parse)
    with pytest.raises(UserError, match="cannot be read"):
        commands.read(tmp_path / "absent.txt", {}, parse)
