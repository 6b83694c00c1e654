import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.families.cvae_gan_networks import CvaeGanNetworks

OPTIONS = {
    "loss.reconstruction_reduction": "mean",
    "loss.reconstruction_weight": 3.0,
    "loss.beta": 0.7,
    "loss.prior_weight": 2.5,
    "ema_decay": 0.9,
}


@pytest.fixture(scope="module")
def family(tiny):
    return tiny.make(**OPTIONS)


@pytest.fixture(scope="module")
def state(tiny, family):
    """A state whose averages are another network than its parameters."""
    return tiny.state(family)


@pytest.fixture(scope="module")
def batch(tiny):
    return {name: leaf[0] for name, leaf in tiny.batch(4).items()}


@pytest.fixture(scope="module")
def measure(family, state):
    return jax.jit(lambda batch, keys: family.metrics(state, batch, keys))


def averaged(family, state):
    """The state that has for parameters what another has for averages."""
    params = {name: ema["params"] for name, ema in state.ema.items()}
    stats = {name: ema["batch_stats"] for name, ema in state.ema.items()}
    return state._replace(
        params=state.params | params, batch_stats=state.batch_stats | stats, ema={}
    )


def test_pictures_and_posteriors_come_from_the_averages(tiny, family, state, batch):
    images, labels, keys = batch["image"], batch["label"], tiny.keys(4)
    bare = averaged(family, state)
    garbage = jax.tree.map(jnp.zeros_like, (state.params, state.batch_stats))
    ruined = state._replace(params=garbage[0], batch_stats=garbage[1])
    for call, *inputs in (
        (family.sample, keys, labels),
        (family.encode, images, labels),
        (family.decode, jnp.ones((4, 4)), labels),
    ):
        out = jax.tree.leaves(call(state, *inputs))
        for same in (bare, ruined):
            np.testing.assert_array_equal(out, jax.tree.leaves(call(same, *inputs)))
        parameters = call(state._replace(ema={}), *inputs)
        assert not np.allclose(out, jax.tree.leaves(parameters), atol=1e-3)


def test_metrics_are_the_documented_terms(tiny, family, state, batch, measure):
    images, labels, keys = batch["image"], batch["label"], tiny.keys(4)
    out = measure(batch, keys)
    assert all(value.shape == (4,) for value in out.values())
    mean, logvar = family.encode(state, images, labels)
    eps = jnp.stack([jax.random.normal(key, (2, 4))[0] for key in keys])
    drawn = family.decode(state, mean + jnp.exp(logvar / 2) * eps, labels)
    pixels = lambda outputs: np.mean((outputs - images) ** 2, axis=(1, 2, 3))  # noqa: E731
    mse = pixels(family.decode(state, mean, labels))
    kl = 0.5 * np.sum(mean**2 + np.exp(logvar) - logvar - 1, axis=1)
    nets = CvaeGanNetworks(tiny.config(**OPTIONS), tiny.spec, discriminator=True, classifier=False)
    judge = lambda x: nets.discriminate(state, x, labels, train=False)[0]  # noqa: E731
    real, near, free = judge(images), judge(drawn), judge(family.sample(state, keys, labels))
    minus_log = lambda logits: np.log1p(np.exp(-logits))  # noqa: E731
    expected = {
        "mse": mse,
        "psnr": 10 * np.log10(2**2 / mse),
        "kl": kl,
        "loss/reconstruction": 3 * pixels(drawn),
        "loss/kl": 0.7 * kl,
        "d/real": real,
        "d/reconstructed": near,
        "d/prior": free,
        "loss/adversarial": (minus_log(near) + 2.5 * minus_log(free)) / 2,
        "loss/discriminator": minus_log(real) + (minus_log(-near) + minus_log(-free)) / 2,
    }
    assert set(out) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(out[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_discriminator_that_is_shown_no_reconstructions_says_nothing_of_them(tiny, batch):
    options = OPTIONS | {"loss.judge_reconstructions": False}
    family = tiny.make(**options)
    out = family.metrics(tiny.state(family), batch, tiny.keys(4))
    assert "d/reconstructed" not in out
    minus_log = lambda logits: np.log1p(np.exp(-logits))  # noqa: E731
    expected = 2.5 * minus_log(out["d/prior"]) / 2
    np.testing.assert_allclose(out["loss/adversarial"], expected, rtol=1e-5)
    expected = minus_log(out["d/real"]) + minus_log(-out["d/prior"])
    np.testing.assert_allclose(out["loss/discriminator"], expected, rtol=1e-5)


def test_an_examples_metrics_do_not_depend_on_its_company(tiny, batch, measure):
    keys = tiny.keys(4)
    together = measure(batch, keys)
    for i in range(4):
        only = {name: np.repeat(leaf[i : i + 1], 4, axis=0) for name, leaf in batch.items()}
        alone = measure(only, keys[np.array([i] * 4)])
        for name, value in together.items():
            np.testing.assert_allclose(
                alone[name], np.repeat(value[i], 4), rtol=1e-4, atol=1e-5, err_msg=name
            )


def test_a_sample_is_a_function_of_its_key_and_label(tiny, family, state):
    sample = jax.jit(lambda keys, labels: family.sample(state, keys, labels))
    keys, labels = tiny.keys(4), jnp.array([0, 1, 2, 4])
    images = sample(keys, labels)
    assert images.shape == (4, *tiny.spec.shape)
    assert np.abs(images).max() <= 1
    turned = sample(keys[::-1], labels[::-1])[::-1]
    np.testing.assert_allclose(turned, images, rtol=1e-5, atol=1e-6)
    other_keys = sample(jax.random.split(jax.random.key(9), 4), labels)
    other_labels = sample(keys, (labels + 1) % 5)
    for other in (other_keys, other_labels):
        assert np.all(np.abs(other - images).max(axis=(1, 2, 3)) > 1e-3)


def test_with_batch_norm_pictures_are_judged_as_in_training(tiny, batch):
    """By the batch's own moments, each kind alone, and not by running ones of all kinds."""
    norm = {"discriminator.norm": "batch", "discriminator.widths": (4, 8)}
    family = tiny.make(**norm)
    state, keys, labels = tiny.state(family), tiny.keys(4), batch["label"]
    out = jax.jit(family.metrics)(state, batch, keys)
    nets = CvaeGanNetworks(tiny.config(**norm), tiny.spec, discriminator=True, classifier=False)
    judge = tiny.alone(lambda images: nets.discriminate(state, images, labels)[0])
    for name, images in (
        ("d/real", jnp.asarray(batch["image"])),
        ("d/prior", family.sample(state, keys, labels)),
    ):
        np.testing.assert_allclose(out[name], judge(images), rtol=1e-4, atol=1e-5)
        running = nets.discriminate(state, images, labels, train=False)[0]
        assert np.abs(running - out[name]).max() > 1e-3
