import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.losses.schedules import constant, cyclical, linear

steps = st.integers(0, 10**6)
lengths = st.integers(1, 10**4)


@given(steps, lengths)
def test_a_ramp_is_the_fraction_done(step, length):
    np.testing.assert_allclose(
        linear(jnp.int32(step), length), min(step / length, 1.0), rtol=1e-5, atol=1e-6
    )


@given(steps, lengths)
def test_a_cycle_ramps_over_its_first_half(step, length):
    place = (step % length) / length
    np.testing.assert_allclose(
        cyclical(jnp.int32(step), length), min(2 * place, 1.0), rtol=1e-5, atol=1e-6
    )


@given(steps)
def test_constant_is_one(step):
    assert constant(jnp.int32(step), 0) == 1.0
