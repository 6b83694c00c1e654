import itertools

import jax
import numpy as np
import pytest

from gen_jax.core import keys


def bits(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_no_two_seeds_streams_or_steps_share_a_key():
    every = list(itertools.product((0, 1, 2, 42), keys.STREAMS, range(20)))
    made = {bits(keys.at_step(keys.stream(seed, name), step)) for seed, name, step in every}
    streams = {bits(keys.stream(seed, name)) for seed in (0, 1, 2, 42) for name in keys.STREAMS}
    roots = {bits(jax.random.key(seed)) for seed in (0, 1, 2, 42)}
    assert len(made | streams | roots) == len(every) + 4 * len(keys.STREAMS) + 4


def test_a_traced_step_gives_the_key_of_the_same_number():
    key = keys.stream(3, "noise")
    traced = jax.jit(keys.at_step)(key, jax.numpy.asarray(17, jax.numpy.int32))
    assert bits(traced) == bits(keys.at_step(key, 17))


def test_the_noise_of_a_seed_is_what_it_always_was():
    # Renumbering the streams, or another generator, would silently break every recorded run.
    key = keys.at_step(keys.stream(42, "noise"), 7)
    assert bits(key) == (520833650, 68019029)


def test_the_noise_of_a_seed_is_that_of_no_other_generator_that_jax_may_be_set_to():
    with jax.default_prng_impl("rbg"):
        key = keys.at_step(keys.stream(42, "noise"), 7)
    assert bits(key) == (520833650, 68019029)


def test_an_unknown_stream_is_an_error():
    with pytest.raises(KeyError):
        keys.stream(0, "nosie")
