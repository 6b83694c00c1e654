"""--config=PATH, --config.KEY=VALUE: what is taken, and what a value may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from gen_jax import config
from gen_jax.errors import UserError


def example() -> ConfigDict:
    return ConfigDict(
        {
            "seed": 42,
            "num_steps": placeholder(int),
            "name": "cifar",
            "loss": {"beta": 0.2, "adversarial": "hinge", "ramp": placeholder(float)},
            "data": {"flip": False, "dir": placeholder(str)},
            "net": {"widths": (64, 128), "betas": (0, 0.9), "tags": ("a", "b"), "empty": ()},
        }
    )


def set_one(setting: str):
    """The value that one setting leaves behind."""
    return config.dotted(config.override(example(), [setting]))[setting.partition("=")[0]]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("seed=7", 7),
        ("seed=-1_000", -1000),
        ("num_steps=10", 10),
        ("num_steps=None", None),
        ("loss.beta=0.5", 0.5),
        ("loss.beta=1", 1.0),
        ("loss.beta=-1e-4", -1e-4),
        ("loss.ramp=2", 2.0),
        ("data.flip=True", True),
        ("data.flip=true", True),
        ("data.flip=1", True),
        ("data.flip=FALSE", False),
        ("name=mnist", "mnist"),
        ("name='mnist'", "mnist"),
        ("name=7", "7"),
        ("name=", ""),
        ("name='None'", "None"),
        ("name=a=b", "a=b"),
        ("data.dir=/data/a b", "/data/a b"),
        ("data.dir=None", None),
        ("net.widths=(1, 2, 3)", (1, 2, 3)),
        ("net.widths=1,2", (1, 2)),
        ("net.widths=[8]", (8,)),
        ("net.widths=()", ()),
        ("net.betas=0,1", (0.0, 1.0)),
        ("net.tags=x,y", ("x", "y")),
        ("net.tags=('x', 'y')", ("x", "y")),
        ("net.widths=64", (64,)),
        ("net.empty=3,", (3,)),
        ("net.empty=3", (3,)),
        ("net.empty=0.5,1", (0.5, 1)),
        ("net.empty=apple, rose", ("apple", "rose")),
    ],
)
def test_a_value_takes_the_type_of_its_default(setting, value):
    got = set_one(setting)
    assert got == value
    assert type(got) is type(value)
    if isinstance(value, tuple):
        assert [type(item) for item in got] == [type(item) for item in value]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("loss.beta=abc", "loss.beta expects a float, got 'abc'"),
        ("loss.beta=True", "loss.beta expects a float, got 'True'"),
        ("loss.beta=inf", "loss.beta expects a float, got 'inf'"),
        ("loss.beta=1e999", "loss.beta expects a float, got '1e999'"),
        ("loss.beta=1" + "0" * 400, "loss.beta expects a float, got '1000"),
        ("loss.beta=", "loss.beta expects a float, got ''"),
        ("loss.beta=None", "loss.beta expects a float, got 'None'"),
        ("seed=1.5", "seed expects an int, got '1.5'"),
        ("seed=True", "seed expects an int, got 'True'"),
        ("seed='7'", "seed expects an int, got \"'7'\""),
        ("num_steps=ten", "num_steps expects an int, got 'ten'"),
        ("data.flip=yes", "data.flip expects true or false, got 'yes'"),
        ("data.flip=2", "data.flip expects true or false, got '2'"),
        ("name=None", "name expects a string, got 'None'"),
        ("net.widths=x", "net.widths expects a tuple of ints like (64, 128), got 'x'"),
        ("net.widths=1,2.5", "net.widths expects a tuple of ints like (64, 128), got '1,2.5'"),
        ("net.widths=1,True", "net.widths expects a tuple of ints like (64, 128), got '1,True'"),
        ("net.tags=1,2", "net.tags expects a tuple of strs like ('a', 'b'), got '1,2'"),
        ("net.empty=None", "net.empty expects a tuple such as 1,2, got 'None'"),
        ("seed", "seed needs a value: seed=VALUE"),
        ("loss=3", "config key loss is a section; its keys are loss.adversarial, loss.beta"),
        ("los.beta=1", "no config key los.beta; did you mean loss.beta?"),
        ("loss.bta=1", "no config key loss.bta; did you mean loss.beta?"),
        ("beta=1", "no config key beta; did you mean loss.beta?"),
        ("model.widths=1,", "no config key model.widths; did you mean net.widths?"),
        ("seed.x=1", "no config key seed.x; did you mean seed?"),
        ("=1", "no config key ; did you mean"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_what_is_right(setting, message):
    with pytest.raises(UserError) as caught:
        config.override(example(), [setting])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_default_without_a_type_is_left_to_the_file():
    with pytest.raises(UserError, match="x holds a NoneType: set it in the config file"):
        config.override(ConfigDict({"x": None}), ["x=1"])


def test_override_copies_and_the_last_setting_wins():
    before = example()
    after = config.override(before, ["seed=1", "data.dir=/a", "seed=2", "data.dir=/b"])
    assert (after.seed, after.data.dir) == (2, "/b")
    assert before.to_dict() == example().to_dict()
    # Still a placeholder: a second round may take the value back.
    assert config.override(after, ["data.dir=None"]).data.dir is None


@given(st.integers())
def test_ints_round_trip(value):
    assert set_one(f"seed={value}") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_trip_bit_for_bit(value):
    assert set_one(f"loss.beta={value!r}").hex() == value.hex()


@given(st.text())
def test_quoted_strings_round_trip(value):
    assert set_one(f"name={value!r}") == value


@given(st.text(alphabet=st.characters(exclude_characters="'\"\\", exclude_categories=["Cs"])))
def test_strings_without_quotes_stand_for_themselves(value):
    if value != "None":
        assert set_one(f"name={value}") == value


@given(st.lists(st.integers()).map(tuple))
def test_tuples_round_trip(value):
    assert set_one(f"net.widths={value!r}") == value


@given(st.text(), st.sampled_from(sorted(config.dotted(example()))))
def test_no_text_is_more_than_a_user_error(text, key):
    try:
        changed = config.override(example(), [f"{key}={text}"])
    except UserError:
        return
    config.check_against_base(changed, example())


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], (None, [], [])),
        (["--config=a.py"], ("a.py", [], [])),
        (["--config", "a.py"], ("a.py", [], [])),
        (["-config=a.py"], ("a.py", [], [])),
        (["--config=a=b.py"], ("a=b.py", [], [])),
        (["--config.x.y=1"], (None, ["x.y=1"], [])),
        (["--config.x", "-0.5"], (None, ["x=-0.5"], [])),
        (["--config.x="], (None, ["x="], [])),
        (["--config.x", ""], (None, ["x="], [])),
        (["--config.x=a=b\nc"], (None, ["x=a=b\nc"], [])),
        (
            ["run.py", "--mode=train", "--config=a.py", "--config.x=1", "pos", "--config.x", "2"],
            ("a.py", ["x=1", "x=2"], ["run.py", "--mode=train", "pos"]),
        ),
        (["--configs=a", "--config_x=1"], (None, [], ["--configs=a", "--config_x=1"])),
        (["--", "--config=a.py"], (None, [], ["--", "--config=a.py"])),
    ],
)
def test_split_args_takes_the_configs_arguments_and_leaves_the_rest(argv, expected):
    before = list(argv)
    assert config.split_args(argv) == expected
    assert argv == before


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--config"], "--config needs a value: --config=PATH"),
        (["--config="], "--config needs a value: --config=PATH"),
        (["--config", "--mode=train"], "--config needs a value: --config=PATH"),
        (["--config.data.flip"], "--config.data.flip needs a value: --config.data.flip=VALUE"),
        (["--config.data.flip", "--mode=train"], "--config.data.flip needs a value"),
        (["--config=a.py", "--config=b.py"], "--config is given twice: a.py and b.py"),
    ],
)
def test_split_args_refuses_half_an_argument(argv, message):
    with pytest.raises(UserError) as caught:
        config.split_args(argv)
    assert str(caught.value).startswith(message)


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text())),
    st.lists(st.from_regex(r"--mode=\w*|\w+", fullmatch=True)),
    st.randoms(use_true_random=False),
)
def test_split_args_keeps_order_on_both_sides(settings, others, random):
    overrides = [f"{name}={value}" for name, value in settings]
    takes = [True] * len(overrides) + [False] * len(others)
    random.shuffle(takes)
    ours, theirs = iter(overrides), iter(others)
    mixed = [f"--config.{next(ours)}" if take else next(theirs) for take in takes]
    assert config.split_args(mixed) == (None, overrides, others)
