import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.losses import balance


@pytest.mark.parametrize(
    ("share", "reference", "term"), [(0.1, 3.0, 0.5), (1.0, 2.0, 2.0), (2.5, 0.0, 1.0)]
)
def test_the_weighted_term_pulls_share_times_the_reference(share, reference, term):
    weight = balance.relative_weight(share, jnp.array(reference), jnp.array(term))
    np.testing.assert_allclose(weight * term, share * reference, rtol=1e-6)


def test_a_vanishing_term_gets_the_limit_and_not_infinity():
    for term in (0.0, 1e-30, 1e-6):
        weight = balance.relative_weight(0.5, jnp.array(1.0), jnp.array(term))
        np.testing.assert_allclose(weight, 0.5 * balance.LIMIT, rtol=1e-6)


def test_nothing_over_nothing_is_nothing():
    assert balance.relative_weight(0.5, jnp.array(0.0), jnp.array(0.0)) == 0


def test_a_share_of_zero_switches_the_term_off():
    assert balance.relative_weight(jnp.array(0.0), jnp.array(1.0), jnp.array(0.0)) == 0


def test_shares_are_fractions_of_the_sum():
    out = balance.shares({"a": jnp.array(1.0), "b": jnp.array(3.0), "c": jnp.array(0.0)})
    np.testing.assert_allclose([out["a"], out["b"], out["c"]], [0.25, 0.75, 0], rtol=1e-6)


def test_shares_sum_to_one():
    pulls = {str(i): jnp.asarray(x) for i, x in enumerate(np.random.default_rng(0).random(9))}
    np.testing.assert_allclose(sum(balance.shares(pulls).values()), 1, rtol=1e-5)


def test_shares_of_nothing_are_zero():
    assert balance.shares({"a": jnp.array(0.0)}) == {"a": 0}
