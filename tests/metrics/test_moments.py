import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_jax.errors import UserError
from gen_jax.metrics import moments
from gen_jax.metrics.moments import Moments


def features(count, size, seed=0, centre=0.0):
    rng = np.random.default_rng(seed)
    return centre + rng.normal(size=(count, size)) @ rng.normal(size=(size, size))


def streamed(rows, ends):
    out = Moments(rows.shape[1])
    for block in np.split(rows, ends):
        if len(block):
            out.add(block)
    return out


@given(st.integers(2, 70), st.lists(st.integers(0, 70)), st.sampled_from([0.0, 1e6]))
def test_they_are_numpys_and_bits_do_not_depend_on_the_blocks(count, ends, centre):
    rows = features(count, 3, count, centre)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "ROWS", 16)
        whole, blocks = Moments.of(rows), streamed(rows, sorted(ends))
    assert whole.count == blocks.count == count
    np.testing.assert_array_equal(whole.mean, blocks.mean)
    np.testing.assert_array_equal(whole.covariance, blocks.covariance)
    np.testing.assert_allclose(whole.mean, rows.mean(axis=0), rtol=1e-13, atol=1e-13)
    # About 1e6, rows themselves hold no more than ten digits.
    np.testing.assert_allclose(
        whole.covariance, np.cov(rows, rowvar=False), rtol=1e-9 if centre else 1e-12, atol=1e-9
    )


@given(st.integers(0, 40), st.integers(0, 40))
def test_merged_moments_are_those_of_all_examples(first, second):
    rows = features(first + second + 2, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "ROWS", 8)
        parts = [streamed(part, []) for part in np.split(rows, [first])]
        both, kept = parts[0].merge(parts[1]), parts[0].count
        np.testing.assert_allclose(both.mean, rows.mean(axis=0), atol=1e-13)
        np.testing.assert_allclose(both.covariance, np.cov(rows, rowvar=False), atol=1e-12)
        # What is merged can be added to, and neither part has changed.
        both.add(rows)
        np.testing.assert_allclose(
            both.covariance, np.cov(np.r_[rows, rows], rowvar=False), atol=1e-12
        )
    assert (both.count, parts[0].count) == (2 * len(rows), kept)


def test_asking_on_the_way_changes_nothing():
    rows = features(50, 3)
    asked = Moments(3)
    for row in rows:
        asked.add(row[None])
        assert np.isfinite(asked.mean).all()
    np.testing.assert_array_equal(asked.covariance, Moments.of(rows).covariance)


def test_float32_rows_are_summed_in_float64():
    rows = (1000 + features(3000, 2)).astype(np.float32)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(Moments.of(rows).mean, exact.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(Moments.of(rows).covariance, np.cov(exact.T), rtol=1e-11)


def test_the_block_may_be_used_again():
    block = features(5, 2)
    expected, out = block.mean(axis=0), Moments(2)
    out.add(block)
    block[:] = 7
    np.testing.assert_allclose(out.mean, expected)


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="hold NaN or infinity"):
        Moments(2).add(np.array([[1.0, np.nan]]))
    with pytest.raises(UserError, match="hold NaN or infinity"):
        Moments.of(np.array([[1.0, -np.inf]]))
    with pytest.raises(UserError, match=r"of shape \(3,\); give \[examples, dimensions\]"):
        Moments.of(np.zeros(3))
    with pytest.raises(UserError, match=r"of shape \(0, 2\)"):
        Moments(2).add(np.zeros((0, 2)))
    with pytest.raises(UserError, match="3 dimensions cannot join features of 2"):
        Moments(2).add(np.zeros((4, 3)))
    with pytest.raises(UserError, match="3 dimensions cannot join features of 2"):
        Moments(2).merge(Moments(3))
    with pytest.raises(UserError, match="a mean needs an example"):
        Moments(2).mean  # noqa: B018
    with pytest.raises(UserError, match="a covariance needs two examples; there are 1"):
        Moments.of(np.zeros((1, 2))).covariance  # noqa: B018
