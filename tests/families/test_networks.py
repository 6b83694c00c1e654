import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.errors import UserError
from gen_jax.families.cvae_gan_networks import CvaeGanNetworks

BAD = {
    "encoder": (
        {"encoder.net": "resnett"},
        "encoder.net='resnett' is not known; did you mean resnet",
    ),
    "generator": (
        {"generator.net": "cnov"},
        "generator.net='cnov' is not known; did you mean conv?",
    ),
    "discriminator": (
        {"discriminator.net": "vit"},
        "discriminator.net='vit' is not known; known: conv, dense, resnet",
    ),
    "norm": (
        {"encoder.norm": "batchnorm"},
        "encoder.norm='batchnorm' is not known; did you mean batch",
    ),
    "conditional norm": (
        {"generator.norm": "conditional"},
        "generator.norm='conditional' is not known; did you mean conditional_batch",
    ),
    "label": (
        {"generator.label": "norms"},
        "generator.label='norms' is not known; did you mean norm?",
    ),
    "label unseen": (
        {"generator.label": "norm", "generator.norm": "batch"},
        "generator.label='norm' needs generator.norm='conditional_batch'; with 'batch' the "
        "generator would not see the label at all",
    ),
    "adversarial": (
        {"loss.adversarial": "hing"},
        "loss.adversarial='hing' is not known; did you mean hinge?",
    ),
    "mode": (
        {"loss.lambda_mode": "relativ"},
        "loss.lambda_mode='relativ' is not known; did you mean relative?",
    ),
    "pixels": (
        {"loss.reconstruction_reduction": "average"},
        "loss.reconstruction_reduction='average' is not known; known: mean, sum",
    ),
    "nats": (
        {"loss.kl_reduction": "sums"},
        "loss.kl_reduction='sums' is not known; did you mean sum?",
    ),
    "nothing to weigh against": (
        {"loss.reconstruction_weight": 0.0},
        "loss.lambda_mode='relative' weighs against the reconstruction term, which "
        "loss.reconstruction_weight=0 removes; use loss.lambda_mode='fixed'",
    ),
    "size": (
        {"encoder.widths": (4, 4, 4, 4)},
        "encoder.widths=(4, 4, 4, 4) halves the image 4 times, which 8x8 pixels do not allow; "
        "use fewer widths, or data.image_size=16",
    ),
    "no widths": ({"generator.widths": ()}, "generator.widths=()"),
    "discriminator size": ({"discriminator.widths": (4,) * 4}, "discriminator.widths=(4, 4, 4, 4)"),
    "classifier size": (
        {"loss.classifier_weight": 1.0, "classifier.widths": (4,) * 4},
        "classifier.widths=(4, 4, 4, 4)",
    ),
}


@pytest.mark.parametrize(("overrides", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_built_is_refused_in_one_line(tiny, overrides, message):
    with pytest.raises(UserError) as caught:
        tiny.make(**overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_deep_resnet_discriminator_halves_only_twice(tiny):
    config = tiny.config(**{"discriminator.net": "resnet", "discriminator.widths": (4,) * 4})
    CvaeGanNetworks(config, tiny.spec, discriminator=True, classifier=False)


def random_like(tree, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), tree)


def test_every_network_starts_from_its_own_key(tiny):
    config = tiny.config(ema_decay=0.5)
    nets = CvaeGanNetworks(config, tiny.spec, discriminator=True, classifier=True)
    init = jax.jit(nets.init)
    state, again, other = init(jax.random.key(0)), init(jax.random.key(0)), init(jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, state, again)
    assert set(state.params) == {"encoder", "generator", "discriminator", "classifier"}
    kernels = [
        jax.tree.leaves(start.params[name])[1].ravel()[:8].tolist()
        for start in (state, other)
        for name in state.params
    ]
    assert len({tuple(kernel) for kernel in kernels}) == 8
    assert state.step == 0
    assert set(state.ema) == {"encoder", "generator"}
    for name, average in state.ema.items():
        own = {"params": state.params[name], "batch_stats": state.batch_stats[name]}
        jax.tree.map(np.testing.assert_array_equal, average, own)


def test_every_network_learns_at_its_own_rate(tiny):
    rates = {"encoder": 1e-3, "generator": 2e-3, "discriminator": 3e-3, "classifier": 4e-3}
    overrides = {f"{name}.lr": rate for name, rate in rates.items()}
    config = tiny.config(**overrides, **{"optimizer.b1": 0.4, "optimizer.b2": 0.8})
    nets = CvaeGanNetworks(config, tiny.spec, discriminator=True, classifier=True)
    state = tiny.state(nets)
    first, second = (random_like(state.params, i) for i in (1, 2))
    update = jax.jit(nets.update)
    new = update(update(state, first, {}), second, {})
    assert new.step == 2
    for name, rate in rates.items():
        # Adam's first two steps, from the paper's formulas.
        def expected(start, g, h, rate=rate):
            m = (0.4 * 0.6 * g + 0.6 * h) / (1 - 0.4**2)
            v = (0.8 * 0.2 * g**2 + 0.2 * h**2) / (1 - 0.8**2)
            return start - rate * (np.sign(g) + m / np.sqrt(v))

        jax.tree.map(
            lambda p, *args: np.testing.assert_allclose(p, expected(*args), rtol=1e-4, atol=1e-5),
            new.params[name],
            *(tree[name] for tree in (state.params, first, second)),
        )


def test_the_average_covers_encoder_and_generator_and_their_statistics(tiny):
    config = tiny.config(ema_decay=0.2)
    nets = CvaeGanNetworks(config, tiny.spec, discriminator=True, classifier=False)
    state = tiny.state(nets)
    assert set(state.ema) == {"encoder", "generator"}
    update, average = jax.jit(nets.update), state.ema
    for step in range(4):
        grads = random_like(state.params, step)
        stats = random_like(state.batch_stats, step + 10)
        state = update(state, grads, stats)
        jax.tree.map(np.testing.assert_array_equal, state.batch_stats, stats)
        d = min(0.2, (1 + step) / (10 + step))  # 0.1, 2/11, then 0.2
        new = {n: {"params": state.params[n], "batch_stats": stats[n]} for n in state.ema}
        average = jax.tree.map(lambda a, x, d=d: d * a + (1 - d) * x, average, new)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), state.ema, average
        )
    params, stats = nets.evaluated(state)
    assert params["encoder"] is state.ema["encoder"]["params"]
    assert stats["generator"] is state.ema["generator"]["batch_stats"]
    assert params["discriminator"] is state.params["discriminator"]
    assert jnp.any(params["encoder"]["mean"]["kernel"] != state.params["encoder"]["mean"]["kernel"])
