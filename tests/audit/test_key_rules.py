"""Faults are said in words that lead to the line; programs may share parents, but no draws."""

import jax
import numpy as np
import pytest

from gen_jax.audit.key_rules import collisions, faults
from gen_jax.audit.key_uses import key_uses, replay

KEY = jax.random.key(7)
normal, split, fold_in = jax.random.normal, jax.random.split, jax.random.fold_in


def test_a_message_names_keys_uses_and_lines():
    def dropped(key):
        return normal(key, (2,))

    def noisy(key):
        return jax.random.bernoulli(key)

    keys = split(KEY, 3)
    (fault,) = faults(key_uses(lambda keys: (jax.vmap(dropped)(keys), jax.vmap(noisy)(keys)), keys))
    words = "".join(f"{word:08x}" for word in np.asarray(jax.random.key_data(keys))[0])
    first, *lines = str(fault).splitlines()
    assert first == f"3 key(s), the first threefry2x32 {words}:"
    for line, function in zip(lines, (dropped, noisy), strict=True):
        number = function.__code__.co_firstlineno + 1
        assert line.startswith(
            f"  drawn from at audit/test_key_rules.py:{number} {function.__name__}"
        )


def test_a_key_is_seen_by_its_value_at_every_call():
    step = jax.make_jaxpr(lambda key, i: normal(fold_in(key, i)))(KEY, 0)
    programs = {f"step {i}": replay(step, KEY, i) for i in range(3)}
    assert not any(map(faults, programs.values()))
    assert not collisions(programs)


def test_a_key_drawn_from_at_two_steps_collides():
    step = jax.make_jaxpr(lambda key, i: normal(fold_in(key, i // 2)))(KEY, 0)
    (fault,) = collisions({f"step {i}": replay(step, KEY, i) for i in range(3)})
    assert fault.programs == ("step 0", "step 1")
    assert "drawn from in step 0 at audit/test_key_rules.py" in str(fault)


@pytest.mark.parametrize(
    "others",
    [
        lambda key: normal(fold_in(key, 1)),  # the very stream
        lambda key: normal(split(key, 2)[1]),  # its twin
        lambda key: normal(split(fold_in(key, 1))[0]),  # what parts from the drawn key
        lambda key: normal(fold_in(fold_in(key, 1), 0)),
    ],
)
def test_streams_that_meet_collide(others):
    noise = key_uses(lambda key: normal(fold_in(key, 1)), KEY)
    found = collisions({"noise": noise, "dropout": key_uses(others, KEY)})
    assert found
    assert all(fault.programs == ("noise", "dropout") for fault in found)


def test_streams_of_one_root_do_not_collide():
    streams = {
        name: key_uses(lambda key, i=i: normal(split(fold_in(key, i), 3)[0]), KEY)
        for i, name in enumerate(("noise", "dropout", "eval"))
    }
    assert not collisions(streams)
