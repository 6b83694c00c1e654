"""Whatever looks across examples sees the batch of all devices: eight train as one."""

import jax
import numpy as np
import pytest

from tests.families.test_cvae_gan_devices import assert_same, train

GAN = {"family": "gan", "conditional": False, "generator.norm": "batch"}
CASES = {
    "minibatch discrimination": {"discriminator.minibatch": "discrimination"},
    "minibatch stddev": {"discriminator.minibatch": "stddev"},
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
}


@pytest.mark.usefixtures("gradients_as_opt")
@pytest.mark.parametrize("case", CASES)
def test_eight_devices_train_as_one(tiny, case):
    family = tiny.make(**(GAN | CASES[case]))
    alone, one = train(tiny, family, 1, steps=2)
    together, eight = train(tiny, family, 8, steps=2)
    for a, b in zip(alone, together, strict=True):
        for name, value in a.items():
            np.testing.assert_allclose(
                b[name], np.repeat(value, 8), rtol=1e-4, atol=1e-6, err_msg=name
            )
    for name, last in one.opt.items():
        largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(last))
        assert_same(last, eight.opt[name], atol=2e-5 * largest)
    assert_same(one.batch_stats, eight.batch_stats, atol=1e-5)
