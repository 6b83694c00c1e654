"""A VAE's step and metrics against NumPy, SciPy and its own special cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logsumexp

from gen_jax.core import parallel
from gen_jax.errors import UserError
from gen_jax.families import vae

DENSE = {
    "conditional": False,
    "encoder.net": "dense",
    "generator.net": "dense",
    "encoder.norm": "none",
    "generator.norm": "none",
    "encoder.hidden": 0,
    "encoder.widths": (6,),
    "generator.widths": (5,),
    "loss.beta": 1.0,
}
BITS = {"loss.likelihood": "bernoulli", "loss.binarise": "dynamic"}
BAD = {
    "objective": ({"loss.objective": "elba"}, "loss.objective='elba' is not known"),
    "likelihood": ({"loss.likelihood": "gausian"}, "loss.likelihood='gausian' is not known"),
    "length": ({"loss.kl_schedule": "cyclical"}, "loss.kl_schedule='cyclical' needs loss.kl_epoch"),
    "bits": ({"loss.binarise": "dynamic"}, "loss.binarise='dynamic' makes bits"),
    "iwae": ({"loss.objective": "iwae", "loss.beta": 4.0}, "loss.objective='iwae' bounds log p(x)"),
    "samples": (
        {"loss.objective": "tcvae", "loss.num_samples": 5},
        "loss.objective='tcvae' takes loss.num_samples=1",
    ),
    "sigma": ({"loss.sigma": 0.0}, "loss.sigma=0.0: must be positive"),
    "corruption": (
        {"loss.corruption": "gausian", "loss.corruption_level": 0.5},
        "loss.corruption='gausian' is not known",
    ),
    "labels": (
        {"generator.norm": "conditional_batch"},
        "generator.norm='conditional_batch' needs labels",
    ),
    "dense": ({"encoder.widths": ()}, "encoder.widths=()"),
    "gamma": ({"loss.objective": "factor"}, "loss.gamma=0.0 with loss.objective='factor'"),
    "capacity": ({"loss.kl_capacity": 9.0}, "loss.kl_capacity=9.0 with loss.kl_schedule"),
    "noise": (
        {"loss.corruption": "masking"},
        "loss.corruption='masking' and loss.corruption_level",
    ),
    "units": (
        {"loss.objective": "factor", "loss.gamma": 1.0, "discriminator.widths": (0,)},
        "discriminator.widths=(0,)",
    ),
}


@pytest.fixture(scope="module")
def make(tiny):
    return lambda **overrides: vae.make(tiny.config(**(DENSE | overrides)), tiny.spec)


def run(tiny, family, batch_size=8, draws=1, seed=1, state=None):
    """One step from the state of made-up numbers: (old state, new state, metrics)."""
    state = state or tiny.state(family)
    batch = jax.tree.map(lambda x: np.repeat(x, draws, axis=0), tiny.batch(batch_size))
    keys = jax.random.split(jax.random.key(seed), (2, batch_size))[:draws]
    step = lambda state, batch, keys: family.step(state, batch, keys, jax.random.key(9))  # noqa: E731
    return state, *tiny.alone(step)(state, batch, keys)


def numpy_pass(params, images):
    """mean, logvar, and a decoder, by the definitions of a dense net."""

    def dense(layer, x):
        return x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])

    encoder, generator = params["encoder"], params["generator"]
    hidden = dense(encoder["Dense_0"], images.reshape(len(images), -1))
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
    decoder = lambda z: dense(generator["Dense_1"], np.maximum(dense(generator["Dense_0"], z), 0))  # noqa: E731
    return dense(encoder["mean"], hidden), dense(encoder["logvar"], hidden), decoder


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_built_is_refused_in_one_line(make, name):
    overrides, message = BAD[name]
    with pytest.raises(UserError) as caught:
        make(**overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_metrics_are_scipys_on_bits(tiny, make):
    family = make(**BITS)
    state, batch, keys = tiny.state(family), tiny.batch(8), tiny.keys(8)
    images = family.observe(batch["image"][0], keys)
    assert set(np.unique(images)) == {-1.0, 1.0}
    labels = batch["label"][0]
    ours = family.metrics(state, {"image": images, "label": labels}, keys)
    mean, logvar, decoder = numpy_pass(state.params, np.asarray(images))
    kl = 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).sum(axis=1)
    noise = jax.vmap(lambda key: jax.random.normal(jax.random.split(key, 5)[2], (1, 4)))(keys)[:, 0]
    z = mean + np.exp(logvar / 2) * np.asarray(noise)
    ones = (np.asarray(images) > 0).astype(int).reshape(8, -1)
    log_px = stats.bernoulli.logpmf(ones, expit(decoder(z))).sum(axis=1)
    np.testing.assert_allclose(ours["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(ours["log_px"], log_px, rtol=1e-4)
    np.testing.assert_allclose(ours["elbo"], log_px - kl, rtol=1e-4)
    np.testing.assert_allclose(
        family.log_px(state, z.astype(np.float32), {"image": images, "label": labels}),
        log_px,
        rtol=1e-4,
    )
    decoded = (2 * expit(decoder(mean)) - 1).reshape(images.shape)
    np.testing.assert_allclose(
        ours["mse"], ((decoded - images) ** 2).mean(axis=(1, 2, 3)), rtol=1e-4
    )


def test_a_step_logs_the_weighted_objective_and_the_raw_elbo(tiny, make):
    family = make(**{"loss.beta": 4.0, "loss.reconstruction_weight": 0.5})
    _, _, metrics = run(tiny, family)
    np.testing.assert_allclose(metrics["loss/kl"], 4 * metrics["kl"], rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/reconstruction"], -0.5 * metrics["log_px"], rtol=1e-5)
    np.testing.assert_allclose(
        metrics["loss/total"], metrics["loss/kl"] + metrics["loss/reconstruction"], rtol=1e-5
    )
    np.testing.assert_allclose(metrics["elbo"], metrics["log_px"] - metrics["kl"], rtol=1e-5)


def test_iwae_with_one_sample_is_the_elbo_at_that_sample(tiny, make, gradients_as_opt):
    # log p(x, z) / q(z | x) and the ELBO with the KL in closed form differ by a mean-zero term.
    family = make(**{"loss.objective": "iwae", "loss.num_samples": 1})
    state, _, metrics = run(tiny, family)
    images, keys = tiny.batch(8)["image"][0], jax.random.split(jax.random.key(1), (2, 8))[0]
    mean, logvar, decoder = numpy_pass(state.params, images)
    noise = jax.vmap(lambda key: jax.random.normal(jax.random.split(key, 5)[2], (1, 4)))(keys)[:, 0]
    z = mean + np.exp(logvar / 2) * np.asarray(noise)
    flat = images.reshape(8, -1)
    log_px = stats.norm.logpdf(flat, np.tanh(decoder(z)), 0.5**0.5).sum(axis=1)
    log_w = (
        log_px
        + stats.norm.logpdf(z).sum(axis=1)
        - stats.norm.logpdf(z, mean, np.exp(logvar / 2)).sum(axis=1)
    )
    np.testing.assert_allclose(metrics["loss/total"], -log_w.mean(), rtol=1e-4)


def test_iwae_is_the_log_of_the_mean_weight(tiny, make):
    family = make(**{"loss.objective": "iwae", "loss.num_samples": 5})
    state, _, metrics = run(tiny, family)
    images, keys = tiny.batch(8)["image"][0], jax.random.split(jax.random.key(1), (2, 8))[0]
    mean, logvar, decoder = numpy_pass(state.params, images)
    noise = jax.vmap(lambda key: jax.random.normal(jax.random.split(key, 5)[2], (5, 4)))(keys)
    log_w = []
    for i in range(5):
        z = mean + np.exp(logvar / 2) * np.asarray(noise)[:, i]
        centre = np.tanh(decoder(z))
        log_px = stats.norm.logpdf(images.reshape(8, -1), centre, 0.5**0.5).sum(axis=1)
        ratio = stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, np.exp(logvar / 2))
        log_w.append(log_px + ratio.sum(axis=1))
    bound = logsumexp(log_w, axis=0) - np.log(5)
    np.testing.assert_allclose(metrics["loss/total"], -bound.mean(), rtol=1e-4)


def test_an_autoencoder_draws_nothing_and_has_no_kl(tiny, make):
    family = make(**{"loss.objective": "autoencoder"})
    _, one, metrics = run(tiny, family, seed=1)
    _, other, _ = run(tiny, family, seed=2)
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)
    assert "kl" not in metrics
    assert family.log_px is None
    mean, logvar = family.encode(tiny.state(family), tiny.batch(8)["image"][0], None)
    assert np.isneginf(logvar).all()
    assert np.isfinite(mean).all()


def test_free_bits_stop_the_pull_on_dimensions_below_the_floor(tiny, make, gradients_as_opt):
    # So high a floor that no dimension pays: the encoder moves as with beta 0.
    floor, _, none = (
        run(tiny, make(**options)) for options in ({"loss.free_bits": 1e6}, {}, {"loss.beta": 0.0})
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        floor[1].opt["encoder"],
        none[1].opt["encoder"],
    )
    np.testing.assert_allclose(floor[2]["loss/kl"], 4e6)


def test_capacity_pays_for_the_distance_from_the_target(tiny, make):
    options = {"loss.kl_schedule": "capacity", "loss.kl_capacity": 1000.0, "loss.beta": 3.0}
    family = make(**options, **{"loss.kl_epochs": 2.0})  # 4 steps an epoch
    state = tiny.state(family)._replace(step=jnp.int32(2))
    step = lambda state, batch, keys: family.step(state, batch, keys[None], keys[0])  # noqa: E731
    _, metrics = tiny.alone(step)(state, tiny.batch(8), tiny.keys(8))
    assert metrics["capacity"] == 250.0
    np.testing.assert_allclose(metrics["loss/kl"], 3 * abs(metrics["kl"] - 250), rtol=1e-5)


def test_denoising_corrupts_what_the_encoder_sees_and_not_the_target(tiny, make):
    clean, noisy = (
        run(tiny, make(**options))[2]
        for options in ({}, {"loss.corruption": "masking", "loss.corruption_level": 1.0})
    )
    assert clean["kl"] != noisy["kl"]
    family = make(**{"loss.corruption": "masking", "loss.corruption_level": 1.0})
    state, images = tiny.state(family), tiny.batch(8)["image"][0]
    mean, logvar, decoder = numpy_pass(state.params, np.full_like(images, -1.0))
    keys = jax.random.split(jax.random.key(1), (2, 8))[0]
    noise = jax.vmap(lambda key: jax.random.normal(jax.random.split(key, 5)[2], (1, 4)))(keys)[:, 0]
    centre = np.tanh(decoder(mean + np.exp(logvar / 2) * np.asarray(noise)))
    log_px = stats.norm.logpdf(images.reshape(8, -1), centre, 0.5**0.5).sum(axis=1)
    np.testing.assert_allclose(noisy["log_px"], log_px.mean(), rtol=1e-4)


def test_a_learned_sigma_moves_towards_the_error(tiny, make, gradients_as_opt):
    family = make(**{"loss.likelihood": "gaussian_learned"})
    _, new, metrics = run(tiny, family)
    # d/d log sigma of sum(e^2 / 2 sigma^2 + log sigma), at the sigma of the made-up state.
    d, sigma = 8 * 8 * 3, float(metrics["sigma"])
    squares = 2 * sigma**2 * (-metrics["log_px"] - d * (np.log(sigma) + 0.5 * np.log(2 * np.pi)))
    np.testing.assert_allclose(
        new.opt["likelihood"]["log_scale"], d - squares / sigma**2, rtol=1e-3
    )


def test_bits_per_dimension_are_the_negative_elbo_over_pixels_and_log_2(tiny, make):
    family = make(**{"loss.likelihood": "logistic"})
    state, batch, keys = tiny.state(family), tiny.batch(8), tiny.keys(8)
    flat = {name: value[0] for name, value in batch.items()}
    out = family.metrics(state, flat, keys)
    np.testing.assert_allclose(out["bits_per_dim"], -out["elbo"] / (192 * np.log(2)), rtol=1e-5)


def test_factor_vaes_discriminator_is_one_more_network(tiny, make, gradients_as_opt):
    family = make(**{"loss.objective": "factor", "loss.gamma": 1e-12, "discriminator.widths": (5,)})
    assert family.draws == 2
    old, new, metrics = run(tiny, family, draws=2)
    assert any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(new.opt["discriminator"]))
    without = {name: tree for name, tree in old.params.items() if name != "discriminator"}
    same = tiny.state(make())._replace(params=without)
    plain = run(tiny, make(), state=same)[1]
    # With next to no gamma the encoder and generator learn as those of a VAE do.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        {n: new.opt[n] for n in plain.opt},
        plain.opt,
    )
    assert np.isfinite(metrics["tc"])


def test_unconditional_networks_ignore_labels_and_conditional_ones_do_not(tiny, make):
    for conditional in (False, True):
        family = make(conditional=conditional)
        state, images = tiny.state(family), tiny.batch(8)["image"][0]
        one, other = (
            family.decode(state, jnp.ones((8, 4)), jnp.full((8,), label)) for label in (0, 1)
        )
        assert bool(jnp.all(one == other)) is not conditional
        assert family.encode(state, images, jnp.zeros((8,), jnp.int32))[0].shape == (8, 4)


OBJECTIVES = {
    "elbo, bits, dropout": BITS | {"encoder.dropout": 0.3, "generator.dropout": 0.2},
    "free bits": {"loss.free_bits": 3.0},
    "capacity": {"loss.kl_schedule": "capacity", "loss.kl_epochs": 1.0, "loss.kl_capacity": 9.0},
    "tcvae": {"loss.objective": "tcvae", "loss.beta": 5.0},
    "factor": {"loss.objective": "factor", "loss.gamma": 5.0, "discriminator.widths": (4,)},
    "iwae": {"loss.objective": "iwae", "loss.num_samples": 3, "generator.dropout": 0.2},
    "batch norm": {"encoder.norm": "batch", "generator.norm": "batch"},
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_eight_devices_do_what_one_does(tiny, make, name, gradients_as_opt):
    family = make(**OBJECTIVES[name])
    state, host = tiny.state(family), tiny.batch(16)
    host = jax.tree.map(lambda x: np.repeat(x, family.draws, axis=0), host)

    def step(state, batch):
        keys = parallel.example_keys(jax.random.key(3), family.draws, 16)
        return family.step(state, batch, keys, jax.random.key(4))

    alone, metrics_alone = tiny.alone(step)(state, host)
    apart, metrics = parallel.pmap(step)(parallel.replicate(state), parallel.shard(host, axis=1))

    def close(a, b):
        scale = 0.3 + float(jnp.max(jnp.abs(a)))
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5 * scale)

    jax.tree.map(close, alone.opt, parallel.unreplicate(apart).opt)
    for key, value in metrics_alone.items():
        np.testing.assert_allclose(metrics[key][0], value, rtol=2e-4, atol=1e-4, err_msg=key)
