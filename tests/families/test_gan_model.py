"""What generator and discriminator are asked for outside a step: samples, logits, features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.data.spec import DataSpec
from gen_jax.families import gan, gan_options

GAN = {"family": "gan", "conditional": False, "generator.norm": "batch"}


def test_points_are_not_squashed(tiny):
    spec = DataSpec("ring", (1, 1, 2), 2, ("a", "b"), 32, modes=((2.0, 0.0), (-2.0, 0.0)))
    dense = {"generator.net": "dense", "discriminator.net": "dense", "generator.norm": "none"}
    family = gan.make(tiny.config(**(GAN | dense)), spec)
    state = tiny.state(family)
    large = jax.tree.map(lambda leaf: 100 * leaf, state.params["generator"])
    state = state._replace(params=state.params | {"generator": large})
    points = family.sample(state, tiny.keys(20), jnp.zeros(20, jnp.int32))
    assert points.shape == (20, 1, 1, 2)
    assert np.abs(points).max() > 10
    assert family.features is None


def test_metrics_and_features_are_per_example(tiny):
    family = tiny.make(**GAN)
    state, batch = tiny.state(family), tiny.batch(6)
    whole = {name: leaf[0] for name, leaf in batch.items()}
    keys = tiny.keys(6)
    out = family.metrics(state, whole, keys)
    part = family.metrics(state, {n: leaf[2:4] for n, leaf in whole.items()}, keys[2:4])
    for name, values in out.items():
        assert values.shape == (6,)
        np.testing.assert_allclose(values[2:4], part[name], rtol=1e-4, atol=1e-6)
    softplus = np.logaddexp(0, -np.asarray(out["d/fake"]))
    np.testing.assert_allclose(out["loss/generator"], softplus, rtol=1e-5)
    (feature_map,) = family.features(state, whole["image"])
    assert feature_map.shape == (6, 4, 4, 4)


TOGETHER = {
    "batch norm": {"discriminator.norm": "batch"},
    "minibatch discrimination": {"discriminator.minibatch": "discrimination"},
    "minibatch stddev": {"discriminator.minibatch": "stddev"},
    "batch norm of packs": {"discriminator.norm": "batch", "discriminator.pack": 2},
}


@pytest.mark.parametrize("case", TOGETHER)
def test_who_looks_across_images_judges_each_kind_by_itself_as_in_training(tiny, case):
    overrides = GAN | TOGETHER[case] | {"discriminator.widths": (4, 4)}
    family, config = (
        tiny.make(**overrides, **{"discriminator.dropout": 0.5}),
        tiny.config(**overrides),
    )
    state, keys = tiny.state(family), tiny.keys(6)
    batch = {name: leaf[0] for name, leaf in tiny.batch(6).items()}
    out = family.metrics(state, batch, keys)
    options = gan_options.read(config, tiny.spec)
    nets = gan_options.networks(config, tiny.spec, options)

    def judge(images, labels):
        return nets.apply(
            "discriminator", state.params, state.batch_stats, images, labels, train=True
        )[0][0]

    for side, images in (
        ("d/real", jnp.asarray(batch["image"])),
        ("d/fake", family.sample(state, keys, batch["label"])),
    ):
        if config.discriminator.pack == 2:
            images = jnp.concatenate([images, jnp.roll(images, -1, axis=0)], axis=-1)
        logits = tiny.alone(judge)(images, batch["label"])
        assert logits.shape == (6,)
        np.testing.assert_allclose(out[side], logits, rtol=1e-5, atol=1e-6)
    # Neither other samples nor moments of the past have a say in what is real.
    moved = jax.tree.map(lambda leaf: 2 * leaf, state.batch_stats["discriminator"])
    other = state._replace(batch_stats=state.batch_stats | {"discriminator": moved})
    again = family.metrics(other, batch, keys[::-1])
    np.testing.assert_array_equal(again["d/real"], out["d/real"])
    # Other real images have.
    part = {name: leaf[:4] for name, leaf in batch.items()}
    few = family.metrics(state, part, keys[:4])["d/real"]
    assert np.abs(few[:3] - out["d/real"][:3]).max() > 1e-4


def test_kernels_may_start_from_dcgans_normal(tiny):
    wide = {"generator.widths": (64,), "discriminator.widths": (64,), "init_std": 0.02}
    params = jax.jit(tiny.make(**(GAN | wide)).init)(jax.random.key(0)).params
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    kernels = [leaf for path, leaf in leaves if path[-1].key == "kernel"]
    assert len(kernels) == 5
    for kernel in kernels:
        bound = 4 / np.sqrt(kernel.size)  # of the mean in deviations; of these, a bit less
        assert abs(float(kernel.mean())) < 0.02 * bound
        assert abs(float(kernel.std()) / 0.02 - 1) < bound
    others = [leaf for path, leaf in leaves if path[-1].key != "kernel"]
    assert all(jnp.all((leaf == 0) | (leaf == 1)) for leaf in others)
