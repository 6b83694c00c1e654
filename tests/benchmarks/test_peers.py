"""The models in PyTorch that gen_jax is timed against are the same models."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gen_jax import config as configs
from gen_jax.core import parallel
from gen_jax.data.spec import DataSpec
from gen_jax.families import FAMILIES, gan_model, vae_model

torch = pytest.importorskip("torch")

from benchmarks.peers import networks, steps  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BATCH = 6
SMALL = {
    "vae_cifar10": {"encoder.widths": (4, 6, 8), "generator.widths": (8, 6, 4)},
    "dcgan_cifar10": {"discriminator.widths": (4, 6, 8), "generator.widths": (8, 6, 4)},
    "cvae_gan_cifar100": {
        "encoder.widths": (4, 6, 8),
        "encoder.hidden": 16,
        "generator.widths": (8, 6, 4),
        "discriminator.widths": (4, 6, 8),
        "discriminator.hidden": 16,
    },
    "cvae_gan_cifar100, class beside z, all judged": {
        "encoder.widths": (4, 6, 8),
        "encoder.hidden": 16,
        "generator.widths": (8, 6, 4),
        "generator.label": "input",
        "discriminator.widths": (4, 6, 8),
        "discriminator.hidden": 16,
        "loss.judge_reconstructions": True,
        "loss.prior_weight": 10.0,
    },
    "sngan_cifar10": {
        "discriminator.widths": (4, 4, 4, 4),
        "generator.widths": (6, 6, 6),
        "n_critic": 2,
        # PyTorch's power iteration begins with the other singular vector.
        "discriminator.spectral_norm": False,
    },
}


def noise(family, config, batch, keys):
    """What the family draws for a step, as the peer takes it."""
    if config.family == "vae":
        draw = partial(jax.random.normal, shape=(1, config.z_dim))
        return jax.vmap(draw)(vae_model.draws(keys[0]).noise)[:, 0]
    if config.family == "gan":
        each = [
            family.prior(gan_model.draws(k).prior, y)
            for k, y in zip(keys, batch["label"], strict=True)
        ]
        return jnp.stack(each)
    draw = partial(jax.random.normal, shape=(2, config.z_dim))
    return jnp.moveaxis(jax.vmap(draw)(keys[0]), 1, 0)


@pytest.mark.parametrize("case", SMALL)
def test_a_step_takes_the_same_gradients(case):
    name = case.partition(",")[0]
    config = configs.load(ROOT / "configs" / f"{name}.py")
    with config.unlocked():
        config.update_from_flattened_dict(SMALL[case])
    config.batch_size = BATCH
    classes = 100 if name.endswith("100") else 10
    spec = DataSpec(config.data.name, (32, 32, 3), classes, tuple(map(str, range(classes))), 60)
    family = FAMILIES[config.family](config, spec)
    init_key, image_key, label_key, noise_key = jax.random.split(jax.random.key(0), 4)
    state = jax.jit(family.init)(init_key)
    size = (family.draws, BATCH)
    batch = {
        "image": jax.random.uniform(image_key, (*size, 32, 32, 3), minval=-1, maxval=1),
        "label": jax.random.randint(label_key, size, 0, classes),
    }
    keys = jax.random.split(noise_key, size)
    after, _ = jax.jit(parallel.alone(family.step))(state, batch, keys, noise_key)

    nets = networks.build(config.to_dict(), spec.shape, classes)
    for net, params in state.params.items():
        networks.load(nets[net], params)
        assert sum(p.numel() for p in nets[net].parameters()) == sum(
            leaf.size for leaf in jax.tree.leaves(params)
        )
    step, optimizers = steps.make(config.to_dict(), nets, {})
    images = torch.from_numpy(np.array(batch["image"])).permute(0, 1, 4, 2, 3)
    labels = torch.from_numpy(np.array(batch["label"])).long()
    drawn = torch.from_numpy(np.array(noise(family, config, batch, keys)))
    if config.family == "gan":
        step(images, labels, drawn)
    else:
        step(images[0], labels[0], drawn)

    for net, opt in after.opt.items():
        # Adam's first moments are the gradients, decayed.
        moments = optax.tree.get(opt, "mu")
        largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(moments))
        for parameter, ours in networks.matched(nets[net], moments):
            theirs = optimizers[net].state[parameter]["exp_avg"].numpy()
            np.testing.assert_allclose(theirs, ours, rtol=2e-3, atol=1e-5 * largest)
