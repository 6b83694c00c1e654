"""One step against the objective of gan.py's docstring, written out and differentiated whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.families import gan_model, gan_options

GAN = {"family": "gan", "conditional": False, "generator.norm": "batch"}
SIZE = 8


def sigmoid_games(name):
    """Real, fake and generator's losses of logits, from probabilities."""
    p = lambda x: 1 / (1 + jnp.exp(-x))  # noqa: E731
    generator = {
        "non_saturating": lambda x: -jnp.log(p(x)),
        "minimax": lambda x: jnp.log(1 - p(x)),
    }
    return lambda x: -jnp.log(p(x)), lambda x: -jnp.log(1 - p(x)), generator[name]


def run(tiny, family, draws=1, batch=None, state=None):
    """A step from made-up numbers, with gradients in `opt`; keys [draws, SIZE]."""
    keys = jax.random.split(jax.random.key(1), (draws, SIZE))
    batch = batch or tiny.batch(SIZE, draws)
    step = tiny.alone(lambda state, batch, keys: family.step(state, batch, keys, keys[0, 0]))
    return jax.jit(step)(state or tiny.state(family), batch, keys), keys


def networks(tiny, family, config):
    """Generator and discriminator as functions of their parameters, on one device."""
    options = gan_options.read(config, tiny.spec)
    nets = gan_options.networks(config, tiny.spec, options)

    def generate(params, stats, z, labels):
        call = lambda z, labels: nets.apply(  # noqa: E731
            "generator", {"generator": params}, stats, z, labels, train=True
        )
        return jnp.tanh(tiny.alone(call)(z, labels)[0])

    def judge(params, stats, images, labels):
        call = lambda x, labels: nets.apply(  # noqa: E731
            "discriminator", {"discriminator": params}, stats, x, labels, train=True
        )
        return tiny.alone(call)(images, labels)[0][0]

    return generate, judge


@pytest.mark.usefixtures("gradients_as_opt")
@pytest.mark.parametrize(("game", "conditional"), [("non_saturating", True), ("minimax", False)])
def test_a_step_is_the_documented_game(tiny, game, conditional):
    overrides = GAN | {"loss.adversarial": game, "conditional": conditional}
    family, config = tiny.make(**overrides), tiny.config(**overrides)
    (after, metrics), keys = run(tiny, family)
    before, batch = tiny.state(family), tiny.batch(SIZE)
    images, labels = jnp.asarray(batch["image"][0]), jnp.asarray(batch["label"][0])
    generate, judge = networks(tiny, family, config)
    prior_keys = gan_model.draws(keys[0]).prior
    z = family.prior(prior_keys, labels)
    pays_real, pays_fake, pays = sigmoid_games(game)
    stats, params = before.batch_stats, before.params

    def discriminator_loss(discriminator):
        fakes = generate(params["generator"], stats, z, labels)
        real = judge(discriminator, stats, images, labels)
        fake = judge(discriminator, stats, fakes, labels)
        return jnp.mean(pays_real(real)) + jnp.mean(pays_fake(fake))

    def generator_loss(generator):
        fakes = generate(generator, stats, z, labels)
        return jnp.mean(pays(judge(after.params["discriminator"], stats, fakes, labels)))

    def close(a, b):
        largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(b))
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5 * largest), a, b
        )

    value, grads = jax.jit(jax.value_and_grad(discriminator_loss))(params["discriminator"])
    np.testing.assert_allclose(metrics["loss/discriminator"], value, rtol=1e-5)
    close(after.opt["discriminator"], grads)
    value, grads = jax.jit(jax.value_and_grad(generator_loss))(params["generator"])
    np.testing.assert_allclose(metrics["loss/generator"], value, rtol=1e-5)
    close(after.opt["generator"], grads)
    norms = [
        np.sqrt(sum(float(jnp.sum(g**2)) for g in jax.tree.leaves(after.opt[name])))
        for name in ("generator", "discriminator")
    ]
    np.testing.assert_allclose(metrics["grad/generator"], norms[0], rtol=1e-5)
    np.testing.assert_allclose(metrics["grad/discriminator"], norms[1], rtol=1e-5)
    np.testing.assert_allclose(metrics["grad_ratio"], norms[0] / norms[1], rtol=1e-4)
    # How sure the discriminator was, and what is left of the generator's loss once it has learnt.
    fakes = generate(params["generator"], stats, z, labels)
    logits = [judge(params["discriminator"], stats, x, labels) for x in (images, fakes)]
    p = 1 / (1 + np.exp(-np.concatenate(logits)))
    np.testing.assert_allclose(metrics["d/confidence"], np.maximum(p, 1 - p).mean(), rtol=1e-5)
    truth = np.repeat([1, 0], SIZE)
    excess = np.mean((p - truth) * np.concatenate(logits))
    np.testing.assert_allclose(metrics["d/overconfidence"], excess, rtol=1e-4, atol=1e-6)
    p = 1 / (1 + np.exp(-judge(after.params["discriminator"], stats, fakes, labels)))
    slope = 2 * p if game == "minimax" else 2 * (1 - p)
    np.testing.assert_allclose(metrics["g/slope"], slope.mean(), rtol=1e-5)


@pytest.mark.usefixtures("gradients_as_opt")
def test_every_critic_update_has_fresh_images_and_fresh_samples(tiny):
    two, one = tiny.make(**GAN, n_critic=2), tiny.make(**GAN)
    (after, _), keys = run(tiny, two, draws=2)
    state, batch = tiny.state(two), tiny.batch(SIZE, 2)
    generator = {k: state._asdict()[k]["generator"] for k in ("params", "batch_stats", "opt")}
    for draw in range(2):
        alone = {name: leaf[draw : draw + 1] for name, leaf in batch.items()}
        step = tiny.alone(lambda s, b, k: one.step(s, b, k, k[0, 0]))
        new, _ = jax.jit(step)(state, alone, keys[draw : draw + 1])
        # Take the discriminator along, and the generator back.
        state = new._replace(
            **{field: getattr(new, field) | {"generator": generator[field]} for field in generator}
        )
    for field in ("params", "opt", "batch_stats"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
            getattr(after, field)["discriminator"],
            getattr(state, field)["discriminator"],
        )
    assert two.draws == 2
    assert int(after.step) == 1


@pytest.mark.usefixtures("gradients_as_opt")
def test_a_penalty_is_added_with_its_weight(tiny):
    plain = run(tiny, tiny.make(**GAN))[0]
    weighted = {
        weight: run(
            tiny, tiny.make(**GAN, **{"loss.penalty": "r1", "loss.penalty_weight": weight})
        )[0]
        for weight in (1.0, 3.0)
    }
    added = {
        weight: jax.tree.map(
            lambda a, b: a - b, after.opt["discriminator"], plain[0].opt["discriminator"]
        )
        for weight, (after, _) in weighted.items()
    }
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(3 * a, b, rtol=1e-3, atol=1e-6),
        added[1.0],
        added[3.0],
    )
    metrics = {weight: m for weight, (_, m) in weighted.items()}
    np.testing.assert_allclose(3 * metrics[1.0]["loss/penalty"], metrics[3.0]["loss/penalty"], 1e-5)
    assert metrics[1.0]["loss/discriminator"] == plain[1]["loss/discriminator"]


def test_clipping_bounds_every_weight_of_the_critic_only(tiny):
    overrides = {"loss.adversarial": "wasserstein", "discriminator.clip": 0.01}
    family = tiny.make(**GAN, **overrides)
    (after, metrics), _ = run(tiny, family, state=jax.jit(family.init)(jax.random.key(0)))
    largest = {
        name: max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(params))
        for name, params in after.params.items()
    }
    assert largest["discriminator"] == pytest.approx(0.01)
    assert largest["generator"] > 0.1
    assert not {"d/accuracy_real", "d/confidence", "d/overconfidence"} & metrics.keys()
    assert metrics["g/slope"] == 1


@pytest.mark.usefixtures("gradients_as_opt")
def test_the_moving_average_is_of_the_generator_and_is_what_samples(tiny):
    family = tiny.make(**GAN, ema_decay=0.9)
    before = tiny.state(family)
    (after, _), keys = run(tiny, family)
    assert set(after.ema) == {"generator"}
    decay = 1 / 10  # (1 + 0) / (10 + 0) at the first step
    jax.tree.map(
        lambda a, old, new: np.testing.assert_allclose(
            a, decay * old + (1 - decay) * new, rtol=1e-4, atol=1e-6
        ),
        after.ema["generator"]["params"],
        before.ema["generator"]["params"],
        after.params["generator"],
    )
    labels = jnp.zeros(SIZE, jnp.int32)
    averaged = after._replace(
        params=after.params | {"generator": after.ema["generator"]["params"]},
        batch_stats=after.batch_stats | {"generator": after.ema["generator"]["batch_stats"]},
    )
    plain = tiny.make(**GAN)
    np.testing.assert_allclose(
        family.sample(after, keys[0], labels), plain.sample(averaged, keys[0], labels), rtol=1e-6
    )


def test_a_code_is_part_of_z_and_its_likelihood_of_both_losses(tiny):
    codes = {"codes.categorical": 3, "codes.continuous": 2, "loss.info_weight": 1.0}
    family = tiny.make(**GAN, **codes)
    keys = tiny.keys(2000)
    z = np.asarray(family.prior(keys, None))
    assert z.shape == (2000, 4 + 3 + 2)
    np.testing.assert_array_equal(np.sort(z[:, 4:7], axis=1), [[0, 0, 1]] * 2000)
    assert np.abs(z[:, 4:7].mean(axis=0) - 1 / 3).max() < 0.05
    assert np.abs(z[:, 7:]).max() <= 1
    np.testing.assert_allclose(z[:, 7:].var(axis=0), 1 / 3, atol=0.02)
    assert np.abs(np.corrcoef(z[:, [0, 7, 8]].T) - np.eye(3)).max() < 0.08
    # The auxiliary network's heads at zero: log 3 nats, and half the codes' squares.
    state = tiny.state(family)
    zeros = jax.tree.map(jnp.zeros_like, state.params["auxiliary"])
    state = state._replace(params=state.params | {"auxiliary": zeros})
    (_, metrics), keys = run(tiny, family, state=state)
    z = np.asarray(family.prior(gan_model.draws(keys[0]).prior, None))
    expected = np.log(3) + 0.5 * np.mean(np.sum(z[:, 7:] ** 2, axis=-1))
    np.testing.assert_allclose(metrics["loss/info"], expected, rtol=1e-5)


@pytest.mark.usefixtures("gradients_as_opt")
def test_an_auxiliary_classifier_is_asked_of_real_and_generated_images(tiny):
    overrides = GAN | {"conditional": True, "discriminator.label": "auxiliary"}
    family = tiny.make(**overrides)
    state = tiny.state(family)
    zeros = jax.tree.map(jnp.zeros_like, state.params["auxiliary"])
    state = state._replace(params=state.params | {"auxiliary": zeros})
    (after, metrics), _ = run(tiny, family, state=state)
    np.testing.assert_allclose(metrics["loss/auxiliary"], 2 * np.log(5), rtol=1e-5)
    assert "embed" not in after.params["discriminator"]
    moved = jax.tree.leaves(after.opt["auxiliary"])
    assert max(float(jnp.abs(leaf).max()) for leaf in moved) > 1e-4


def test_a_pack_is_consecutive_images_stacked_as_channels(tiny):
    family = tiny.make(**GAN, **{"discriminator.pack": 2})
    (after, _), _ = run(tiny, family)
    assert family.features is None
    kernel = after.params["discriminator"]["Conv_0"]["kernel"]
    assert kernel.shape[2] == 2 * tiny.spec.shape[2]
    state, batch = tiny.state(family), tiny.batch(5)
    judged = family.metrics(state, {name: leaf[0] for name, leaf in batch.items()}, tiny.keys(5))
    single = family.metrics(
        state, {name: leaf[0][np.array([1, 2])] for name, leaf in batch.items()}, tiny.keys(2)
    )
    np.testing.assert_allclose(judged["d/real"][1], single["d/real"][0], rtol=1e-5)


def test_spectral_norm_reports_the_singular_value_of_each_layer(tiny):
    family = tiny.make(**GAN, **{"discriminator.spectral_norm": True})
    (after, metrics), _ = run(tiny, family)
    sigmas = {name: value for name, value in metrics.items() if name.startswith("sigma/")}
    layers = after.params["discriminator"]
    assert set(sigmas) == {f"sigma/{name}" for name in layers}
    assert all(np.isfinite(value) for value in sigmas.values())


@pytest.mark.parametrize(
    "options",
    [
        {"discriminator.spectral_norm": True, "discriminator.dropout": 0.3, "n_critic": 2},
        {"conditional": True, "generator.norm": "batch", "discriminator.label": "auxiliary"},
        {"discriminator.pack": 2, "codes.categorical": 0},
        {"codes.categorical": 3, "loss.adversarial": "hinge"},
    ],
    ids=["spectral norm", "classes", "packs", "codes"],
)
@pytest.mark.usefixtures("gradients_as_opt")
def test_one_pass_over_both_is_two_passes_to_rounding(tiny, options):
    draws = options.get("n_critic", 1)
    two, one = (
        run(tiny, tiny.make(**(GAN | options | {"discriminator.one_pass": both})), draws)[0]
        for both in (False, True)
    )

    def close(a, b):
        scale = np.max(np.abs(b)) + 1e-6
        np.testing.assert_allclose(a / scale, b / scale, atol=1e-4)

    assert jax.tree.structure(one) == jax.tree.structure(two)
    jax.tree.map(close, one, two)
