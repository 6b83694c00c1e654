"""A config as dotted keys, JSON and digest."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from gen_jax import config
from gen_jax.errors import UserError

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
names = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
nested = st.recursive(
    st.dictionaries(names, leaves, max_size=4),
    lambda inner: st.dictionaries(names, leaves | inner, max_size=4),
    max_leaves=6,
)


def test_json_is_plain_and_nested():
    made = ConfigDict({"b": (1, (2.5, "x")), "a": {"p": placeholder(str), "flag": True}})
    assert config.to_json(made) == {"b": [1, [2.5, "x"]], "a": {"p": None, "flag": True}}
    assert type(config.to_json(made)["a"]) is dict


def test_dotted_reads_configs_and_their_json_alike():
    made = ConfigDict({"b": 1, "a": {"c": {"d": 0.5}, "p": placeholder(int)}, "empty": {}})
    assert config.dotted(made) == {"a.c.d": 0.5, "a.p": None, "b": 1}
    assert config.dotted(config.to_json(made)) == config.dotted(made)


def test_digest_is_sha256_of_canonical_json():
    made = ConfigDict({"b": (1, 2), "a": {"x": 0.5, "name": "é"}})
    text = '{"a":{"name":"é","x":0.5},"b":[1,2]}'
    assert config.digest(made) == hashlib.sha256(text.encode()).hexdigest()


@given(nested)
def test_json_and_digest_survive_a_file(tree):
    made = ConfigDict(tree)
    plain = json.loads(json.dumps(config.to_json(made)))
    assert plain == config.to_json(made)
    assert config.digest(ConfigDict(plain)) == config.digest(made)


def test_digest_sees_every_value_but_not_the_order_of_keys():
    first = ConfigDict({"a": 1, "b": {"c": 0.5, "d": "x"}})
    assert config.digest(ConfigDict({"b": {"d": "x", "c": 0.5}, "a": 1})) == config.digest(first)
    for setting in ("a=2", "b.c=0.25", "b.d=y"):
        assert config.digest(config.override(first, [setting])) != config.digest(first)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), object(), (1, object())])
def test_what_json_cannot_hold_is_named(value):
    with pytest.raises(UserError, match=r"config key a\.b holds .* cannot store"):
        config.to_json(ConfigDict({"a": {"b": value}}))
