import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.nets import strided

# n, h, w, c, d: unequal sides and channels, the smallest images, one channel, too many for NARROW.
SIZES = [(2, 8, 6, 3, 5), (1, 2, 2, 2, 1), (3, 4, 10, 1, 4), (2, 6, 4, 6, 5), (1, 2, 2, 5, 3)]


def arrays(size, seed=0):
    """An image x, a kernel w and a half-size image y."""
    n, h, w, c, d = size
    shapes = (n, h, w, c), (4, 4, c, d), (n, h // 2, w // 2, d)
    keys = jax.random.split(jax.random.key(seed), 3)
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


PAIRS = {
    "down": (strided.down, strided.plain_down, lambda x, w, y: (x, w)),
    "up": (strided.up, strided.plain_up, lambda x, w, y: (y, w)),
    "kernel": (strided.kernel, strided.plain_kernel, lambda x, w, y: (x, y)),
}


def assert_close(ours, plain):
    """Equal to 1e-5 of the plain form's largest entry: sums cancel in single ones."""
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max()),
        ours,
        plain,
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAIRS)
def test_value_is_the_plain_forms(name, size):
    ours, plain, pick = PAIRS[name]
    inputs = pick(*arrays(size))
    assert_close(jax.jit(ours)(*inputs), jax.jit(plain)(*inputs))


def test_down_by_hand():
    # SAME at stride 2 with a 4x4 kernel pads one pixel on every side.
    x = np.arange(1.0, 17.0, dtype=np.float32).reshape(1, 4, 4, 1)
    padded = np.pad(x[0, ..., 0], 1)
    expected = [[padded[i : i + 4, j : j + 4].sum() for j in (0, 2)] for i in (0, 2)]
    out = strided.down(x, np.ones((4, 4, 1, 1), np.float32))
    np.testing.assert_allclose(out[0, ..., 0], expected)


@pytest.mark.parametrize("size", SIZES)
def test_the_three_maps_are_one_trilinear_form(size):
    x, w, y = arrays(size)
    form = jnp.vdot(y, strided.down(x, w))
    scale = np.prod([jnp.linalg.norm(a) for a in (x, w, y)])
    np.testing.assert_allclose(jnp.vdot(strided.up(y, w), x), form, atol=1e-6 * scale)
    np.testing.assert_allclose(jnp.vdot(strided.kernel(x, y), w), form, atol=1e-6 * scale)


@pytest.mark.parametrize("name", PAIRS)
def test_first_derivatives_are_the_plain_forms(name):
    ours, plain, pick = PAIRS[name]
    inputs = pick(*arrays(SIZES[0]))
    cotangent = jax.random.normal(jax.random.key(1), jax.eval_shape(ours, *inputs).shape)

    def pull(function):
        return jax.jit(lambda *args: jax.vjp(function, *args)[1](cotangent))(*inputs)

    assert_close(pull(ours), pull(plain))


def gradient_penalty(function, argument):
    """(|d/da sum tanh f(a, b)| - 1)^2 as in WGAN-GP, with a the argument of that number."""

    def penalty(*args):
        slope = jax.grad(lambda *a: jnp.sum(jnp.tanh(0.2 * function(*a))), argnums=argument)(*args)
        return (jnp.sqrt(jnp.sum(slope**2)) - 1) ** 2

    return penalty


@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("name", PAIRS)
def test_second_derivatives_are_the_plain_forms(name, argument):
    ours, plain, pick = PAIRS[name]
    inputs = pick(*arrays(SIZES[0]))

    def both(function):
        return jax.jit(jax.grad(gradient_penalty(function, argument), argnums=(0, 1)))(*inputs)

    assert_close(both(ours), both(plain))


def test_a_critics_gradient_penalty_moves_its_weights_as_the_plain_form():
    # Two layers, so that the penalty's gradient also passes through `down` of `up`.
    x, w, _ = arrays((2, 8, 8, 3, 4))
    head = jax.random.normal(jax.random.key(2), (4, 4, 4, 2))

    def penalty(weights, down):
        critic = lambda x: jnp.sum(jnp.tanh(down(jnp.tanh(down(x, weights[0])), weights[1])))  # noqa: E731
        return jnp.mean((jnp.sqrt(jnp.sum(jax.grad(critic)(x) ** 2, axis=(1, 2, 3))) - 1) ** 2)

    grad = jax.jit(jax.grad(penalty), static_argnums=1)
    assert_close(grad((w, head), strided.down), grad((w, head), strided.plain_down))


@pytest.mark.parametrize("name", PAIRS)
def test_other_backends_take_the_plain_forms(name, monkeypatch):
    monkeypatch.setattr(strided, "on_cpu", lambda: False)
    ours, plain, pick = PAIRS[name]
    inputs = pick(*arrays(SIZES[0]))
    np.testing.assert_array_equal(ours(*inputs), plain(*inputs))
