import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gen_jax.core import optimizers


def test_adam_is_the_papers_algorithm():
    rate, b1, b2 = 0.01, 0.5, 0.9
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(5,)), rng.normal(size=(4, 5))
    optimizer = optimizers.make("adam", rate, b1, b2)
    params = {"w": jnp.asarray(start, jnp.float32)}
    opt_state = optimizer.init(params)
    expected, m, v = start, 0.0, 0.0
    for t, grad in enumerate(grads, start=1):
        m, v = b1 * m + (1 - b1) * grad, b2 * v + (1 - b2) * grad**2
        expected = expected - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8)
        tree = {"w": jnp.asarray(grad, jnp.float32)}
        params, opt_state = optimizers.apply(optimizer, tree, opt_state, params)
    np.testing.assert_allclose(params["w"], expected, rtol=1e-5)


def test_apply_gives_the_optimizer_params_and_keeps_its_state():
    optimizer = optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.5, momentum=0.9))
    params, grads = jnp.array([1.0, -2.0]), jnp.array([3.0, 4.0])
    params, state = optimizers.apply(optimizer, grads, optimizer.init(params), params)
    first = np.array([3.1, 3.8])
    expected = np.array([1.0, -2.0]) - 0.5 * first
    np.testing.assert_allclose(params, expected, rtol=1e-6)
    params, _ = optimizers.apply(optimizer, grads, state, params)
    second = np.array([3.0, 4.0]) + 0.1 * expected + 0.9 * first
    np.testing.assert_allclose(params, expected - 0.5 * second, rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 0, [1, 1, 1, 1, 1, 1, 1]),
        (3, 0, [0, 0, 0, 1, 1, 1, 1]),
        (3, 1, [0, 0, 0, 1, 1, 1, 1]),
        (0, 4, [0.25, 0.5, 0.75, 1, 1, 1, 1]),
        (2, 4, [0, 0, 0.25, 0.5, 0.75, 1, 1]),
    ],
)
def test_ramp_at_its_corners(start, length, expected):
    steps = jnp.arange(len(expected))
    out = jax.vmap(lambda step: optimizers.ramp(step, start, length))(steps)
    np.testing.assert_allclose(out, expected, atol=1e-7)


def test_moving_average_of_a_constant_forgets_the_start_by_the_product_of_its_decays():
    decay, start, constant = 0.6, 5.0, 2.0
    average = {"net": jnp.array([start])}
    forgotten = 1.0
    for step in range(20):
        average = optimizers.moving_average(
            average, {"net": jnp.array([constant])}, decay, jnp.asarray(step)
        )
        forgotten *= min(decay, (1 + step) / (10 + step))
        expected = constant + (start - constant) * forgotten
        np.testing.assert_allclose(average["net"], [expected], rtol=1e-6)


def test_moving_average_settles_at_the_decay_asked_for():
    out = optimizers.moving_average(jnp.array(1.0), jnp.array(0.0), 0.999, jnp.asarray(10**6))
    np.testing.assert_allclose(out, 0.999, rtol=1e-6)


def test_weight_decay_shrinks_kernels_only():
    optimizer = optimizers.make("adam", 0.1, 0.9, 0.999, weight_decay=0.5)
    params = {"layer": {"kernel": jnp.array([2.0]), "bias": jnp.array([2.0])}}
    zero = jax.tree.map(jnp.zeros_like, params)
    params, _ = optimizers.apply(optimizer, zero, optimizer.init(params), params)
    np.testing.assert_allclose(params["layer"]["kernel"], 2.0 * (1 - 0.1 * 0.5), rtol=1e-6)
    np.testing.assert_array_equal(params["layer"]["bias"], 2.0)


def test_the_rate_falls_along_half_a_cosine_and_stays_at_zero():
    optimizer = optimizers.make("adam", 0.1, 0.0, 0.0, decay_steps=4)
    params, state, moves = {"w": jnp.array(0.0)}, None, []
    state = optimizer.init(params)
    for _ in range(6):  # with both betas 0 every step has the size of the rate
        new, state = optimizers.apply(optimizer, {"w": jnp.array(1.0)}, state, params)
        moves.append(float(params["w"] - new["w"]))
        params = new
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(5) / 4))
    np.testing.assert_allclose(moves, [*expected, 0], rtol=1e-5, atol=1e-7)


def test_the_rate_may_fall_along_a_line():
    optimizer = optimizers.make("sgd", 0.1, 0.0, 0.0, decay_steps=4, decay="linear")
    params, moves = {"w": jnp.array(0.0)}, []
    state = optimizer.init(params)
    for _ in range(6):
        new, state = optimizers.apply(optimizer, {"w": jnp.array(1.0)}, state, params)
        moves.append(float(params["w"] - new["w"]))
        params = new
    np.testing.assert_allclose(moves, [0.1, 0.075, 0.05, 0.025, 0, 0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["rmsprop", "sgd"])
def test_rmsprop_and_sgd_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    rate, b1, b2 = 0.01, 0.6, 0.9
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(5,)), rng.normal(size=(6, 5))
    weight = torch.nn.Parameter(torch.tensor(start))
    referee = {
        "rmsprop": lambda: torch.optim.RMSprop([weight], rate, alpha=b2, eps=1e-8),
        "sgd": lambda: torch.optim.SGD([weight], rate, momentum=b1),
    }[name]()
    optimizer = optimizers.make(name, rate, b1, b2)
    params = {"w": jnp.asarray(start, jnp.float32)}
    state = optimizer.init(params)
    for grad in grads:
        weight.grad = torch.tensor(grad)
        referee.step()
        tree = {"w": jnp.asarray(grad, jnp.float32)}
        params, state = optimizers.apply(optimizer, tree, state, params)
    np.testing.assert_allclose(params["w"], weight.detach().numpy(), rtol=1e-5)
