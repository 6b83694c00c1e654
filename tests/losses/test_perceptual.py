import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gen_jax.losses import perceptual

RNG = np.random.default_rng(0)
SHAPES = ((3, 4, 2, 5), (3, 2, 1, 7))
OURS, THEIRS = ([RNG.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(2))
MAPS = arrays.arrays(np.float32, (2, 2, 1, 3), elements=st.integers(-50, 50))


def test_by_hand():
    ours = [np.zeros((2, 1, 2, 2), np.float32), np.ones((2, 1, 1, 3), np.float32)]
    theirs = [ours[0].copy(), ours[1].copy()]
    theirs[0][0, 0, 1] = [3, 1]  # (9 + 1) / 4
    theirs[1][0, 0, 0] = [1, 3, 0]  # (4 + 1) / 3
    theirs[1][1, 0, 0] = [1, 1, 7]  # 36 / 3
    np.testing.assert_allclose(
        perceptual.distance(ours, theirs), [10 / 4 + 5 / 3, 36 / 3], rtol=1e-6
    )


def test_each_layer_is_a_mean_over_its_own_size():
    expected = [
        sum(
            np.linalg.norm((a[i] - b[i]).ravel()) ** 2 / a[i].size
            for a, b in zip(OURS, THEIRS, strict=True)
        )
        for i in range(3)
    ]
    np.testing.assert_allclose(perceptual.distance(OURS, THEIRS), expected, rtol=1e-5)


@given(MAPS, MAPS)
def test_zero_where_equal_and_nowhere_else(ours, theirs):
    distance = np.asarray(perceptual.distance([ours], [theirs]))
    assert np.all(distance >= 0)
    for i in range(2):
        assert (distance[i] == 0) == np.array_equal(ours[i], theirs[i])
    np.testing.assert_array_equal(distance, perceptual.distance([theirs], [ours]))


@given(MAPS, st.floats(0.0625, 16, width=32))
def test_it_sees_strength(maps, strength):
    # What blur takes from feature maps; a distance of normalised channels would be 0 here.
    expected = (1 - np.float32(strength)) ** 2 * np.mean(np.square(maps), axis=(1, 2, 3))
    distance = perceptual.distance([maps], [np.float32(strength) * maps])
    np.testing.assert_allclose(distance, expected, rtol=1e-3, atol=1e-3)


def test_gradient_is_torchs():
    torch = pytest.importorskip("torch")
    pull = jax.grad(lambda ours: perceptual.distance(ours, THEIRS).sum())(OURS)
    tensors = [torch.from_numpy(layer).requires_grad_() for layer in OURS]
    for tensor, target in zip(tensors, THEIRS, strict=True):
        for i in range(3):
            torch.nn.functional.mse_loss(tensor[i], torch.from_numpy(target[i])).backward()
    for ours, tensor in zip(pull, tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.grad, rtol=1e-5, atol=1e-7)


def test_layers_must_pair_up():
    with pytest.raises(ValueError, match="shorter"):
        perceptual.distance(OURS, THEIRS[:1])
    with pytest.raises(ValueError, match=r"shapes \(3, 4, 2, 5\) and \(3, 2, 1, 7\)"):
        perceptual.distance(OURS, THEIRS[::-1])
    with pytest.raises(ValueError, match="shapes"):
        perceptual.distance(OURS[:1], [THEIRS[0][:, :1]])  # would broadcast
