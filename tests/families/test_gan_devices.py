"""Whatever looks across examples sees the batch of all devices: eight train as one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel
from tests.families.test_cvae_gan_devices import assert_same

GAN = {"family": "gan", "conditional": False, "generator.norm": "batch"}
CASES = {
    "minibatch discrimination": {"discriminator.minibatch": "discrimination"},
    "batch norm": {"discriminator.norm": "batch", "discriminator.widths": (4, 4)},
    "dragan": {"loss.penalty": "dragan", "discriminator.dropout": 0.3},
    "wgan_gp, packed": {
        "loss.adversarial": "wasserstein",
        "loss.penalty": "wgan_gp",
        "discriminator.pack": 2,
    },
    "augmented, with codes": {
        "discriminator.augment": ("color", "translation", "cutout"),
        "codes.categorical": 3,
        "codes.continuous": 1,
    },
    "conditional, auxiliary": {
        "conditional": True,
        "generator.norm": "conditional_batch",
        "discriminator.label": "auxiliary",
    },
    "spectral norm, two updates": {
        "loss.adversarial": "hinge",
        "discriminator.spectral_norm": True,
        "n_critic": 2,
    },
}


def train(tiny, family, devices, steps=2, size=16):
    """Metrics after every step and the last state of every device."""
    run, draws = parallel.pmap(family.step), family.draws
    copy = lambda tree: jax.tree.map(lambda leaf: jnp.stack([leaf] * devices), tree)  # noqa: E731
    state, key = copy(tiny.state(family)), copy(jax.random.key(1))
    keys = jax.random.split(jax.random.key(2), (steps, devices, size // devices, draws))
    batch = parallel_batch(tiny.batch(size, draws), devices)
    history = []
    for step_keys in jnp.moveaxis(keys, 3, 2):
        state, metrics = run(state, batch, step_keys, key)
        history.append(jax.tree.map(np.asarray, metrics))
    return history, jax.tree.map(np.asarray, state)


def parallel_batch(batch, devices):
    """Host arrays [draws, n, ...] as [devices, draws, n / devices, ...]."""
    split = lambda leaf: leaf.reshape(len(leaf), devices, -1, *leaf.shape[2:])  # noqa: E731
    return {name: np.moveaxis(split(leaf), 1, 0) for name, leaf in batch.items()}


@pytest.mark.usefixtures("gradients_as_opt")
@pytest.mark.parametrize("case", CASES)
def test_eight_devices_train_as_one(tiny, case):
    family = tiny.make(**(GAN | CASES[case]))
    alone, one = train(tiny, family, 1)
    together, eight = train(tiny, family, 8)
    for a, b in zip(alone, together, strict=True):
        for name, value in a.items():
            np.testing.assert_allclose(
                b[name], np.repeat(value, 8), rtol=1e-4, atol=1e-6, err_msg=name
            )
    for name, last in one.opt.items():
        largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(last))
        assert_same(last, eight.opt[name], atol=2e-5 * largest)
    assert_same(one.batch_stats, eight.batch_stats, atol=1e-5)
