import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel

OPTIONS = {
    "loss.feature_weight": 0.5,
    "loss.mean_feature_weight": 0.5,
    "loss.classifier_weight": 0.5,
    "generator.norm": "conditional_batch",
    "ema_decay": 0.9,
}


def train(tiny, family, devices, steps=3, size=16):
    """Metrics after every step and the last state of every device."""
    run = parallel.pmap(family.step)
    copy = lambda tree: jax.tree.map(lambda leaf: jnp.stack([leaf] * devices), tree)  # noqa: E731
    state, key = copy(tiny.state(family)), copy(jax.random.key(1))
    keys = jax.random.split(jax.random.key(2), (steps, devices, 1, size // devices))
    batch = {
        name: leaf.reshape(devices, 1, -1, *leaf.shape[2:])
        for name, leaf in tiny.batch(size).items()
    }
    history = []
    for step_keys in keys:
        state, metrics = run(state, batch, step_keys, key)
        history.append(jax.tree.map(np.asarray, metrics))
    return history, jax.tree.map(np.asarray, state)


def assert_same(one, eight, atol):
    """Every device of eight has what the one has."""
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(b, np.repeat(a, 8, axis=0), rtol=1e-5, atol=atol),
        one,
        eight,
    )


@pytest.mark.usefixtures("gradients_as_opt")
def test_eight_devices_train_as_one(tiny):
    family = tiny.make(**OPTIONS)
    alone, one = train(tiny, family, 1)
    together, eight = train(tiny, family, 8)
    for step, (a, b) in enumerate(zip(alone, together, strict=True)):
        assert set(a) == set(b)
        for name, value in a.items():
            # Metrics are global: every device has the same.
            message = f"{name} after step {step + 1}"
            np.testing.assert_allclose(b[name], np.repeat(value, 8), rtol=1e-4, err_msg=message)
    assert set(one.params) == {"encoder", "generator", "discriminator", "classifier"}
    for name, last in one.opt.items():
        # The last gradient, after two steps of everything that feeds back.
        largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(last))
        assert_same(last, eight.opt[name], atol=1e-5 * largest)
    assert_same(one.params, eight.params, atol=1e-5)
    assert_same(one.batch_stats, eight.batch_stats, atol=1e-5)
    assert_same(one.ema, eight.ema, atol=1e-5)
    start = tiny.state(family).params
    moved = jax.tree.map(lambda a, b: np.abs(a[0] - b).max(), one.params, start)
    assert all(max(jax.tree.leaves(network)) > 5e-4 for network in moved.values())
