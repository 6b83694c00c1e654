"""One step against its documented objective, written out as scalars and differentiated whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.families.cvae_gan_networks import CvaeGanNetworks

FIXED = {"loss.lambda_mode": "fixed", "loss.lambda_adv": 0.3}
FEATURES = {"loss.feature_weight": 0.7}
MEAN_FEATURES = {"loss.mean_feature_weight": 1.3}
CLASSIFIER = {"loss.classifier_weight": 0.6}
HINGE = {"loss.adversarial": "hinge"}
DETACHED = {"loss.adversarial_to_encoder": False}
UNJUDGED = {"loss.judge_reconstructions": False}
RESNET = {"discriminator.net": "resnet", "discriminator.spectral_norm": False}
CASES = {
    "fixed": FIXED,
    "relative": {},
    "means": {
        "loss.reconstruction_reduction": "mean",
        "loss.kl_reduction": "mean",
        "loss.beta": 3.0,
    },
    "reconstruction_weight": {"loss.reconstruction_weight": 0.25, **HINGE},
    "no_reconstruction": {"loss.reconstruction_weight": 0.0, **FIXED, **HINGE},
    "prior_weight": {"loss.prior_weight": 0.0, **FIXED},
    "relative_prior_weight": {"loss.prior_weight": 7.0},
    "unjudged": UNJUDGED | {"loss.prior_weight": 7.0},
    "unjudged_fixed": UNJUDGED | FIXED | FEATURES,
    "detached": DETACHED,
    "detached_alone": {"loss.reconstruction_weight": 0.0, **FIXED, **DETACHED},
    "features": FIXED | FEATURES,
    "mean_features": MEAN_FEATURES,
    "classifier": CLASSIFIER,
    "vae": {"loss.lambda_adv": 0.0},
    "vae_with_features": {"loss.lambda_adv": 0.0, **FEATURES},
    "vae_with_classifier": {"loss.lambda_adv": 0.0, **CLASSIFIER},
    "batch_norm": {"discriminator.norm": "batch", "discriminator.widths": (4, 8), **FEATURES},
    "layer_norm": {"discriminator.norm": "layer", "discriminator.widths": (4, 8), **FIXED},
    "everything": {**FEATURES, **MEAN_FEATURES, **CLASSIFIER, **HINGE, **DETACHED},
    "everything_resnet": {**FIXED, **FEATURES, **MEAN_FEATURES, **CLASSIFIER, **RESNET},
}


def half_square(a, b):
    return 0.5 * jnp.sum((a - b) ** 2)


def judge_losses(name):
    """What the discriminator pays for real and fake, and the generator for its own: [b] -> mean."""
    if name == "hinge":
        margin = lambda x: jnp.mean(jnp.where(x > 0, x, 0))  # noqa: E731
        return lambda d: margin(1 - d), lambda d: margin(1 + d), lambda d: -jnp.mean(d)
    minus_log = lambda p: -jnp.mean(jnp.log(p))  # noqa: E731
    d = lambda logits: 1 / (1 + jnp.exp(-logits))  # noqa: E731
    return (
        lambda x: minus_log(d(x)),
        lambda x: minus_log(1 - d(x)),
        lambda x: minus_log(d(x)),
    )


class Referee:
    """The docstring of `cvae_gan`, term by term, for one batch on one device."""

    def __init__(self, config, spec, state, batch, keys):
        self.loss, self.spec, self.state = config.loss, spec, state
        self.x, self.y = batch["image"][0], batch["label"][0]
        noise = jnp.stack([jax.random.normal(key, (2, config.z_dim)) for key in keys])
        self.eps, self.prior = noise[:, 0], noise[:, 1]
        self.judged, self.classified = "discriminator" in state.params, "classifier" in state.params
        self.nets = CvaeGanNetworks(config, spec, self.judged, self.classified)
        self.pays_real, self.pays_fake, self.generator_pays = judge_losses(self.loss.adversarial)

    def encode(self, params):
        return self.nets.encode(params, self.state.batch_stats, self.x, self.y)

    def generate(self, params, z):
        """Reconstructions, prior samples (of one pass, if there are any) and statistics."""
        free = self.judged or self.classified
        z = jnp.concatenate([z, self.prior]) if free else z
        y = jnp.concatenate([self.y, self.y]) if free else self.y
        images, stats = self.nets.generate(params, self.state.batch_stats, z, y)
        return images[: len(self.y)], images[len(self.y) :], stats

    def judge(self, images, params=None):
        state = self.state
        if params is not None:
            state = state._replace(params=state.params | {"discriminator": params})
        return self.nets.discriminate(state, images, self.y)

    def terms(self, params, shift, free_shift):
        """Every weighted term but for lambda; shifts move pixels of reconstructions and samples."""
        mean, logvar, _ = self.encode(params)
        z = mean + jnp.sqrt(jnp.exp(logvar)) * self.eps
        near, free, _ = self.generate(params, z)
        near, free = near + shift, free + free_shift
        n, weights = len(self.y), self.loss
        squares = jnp.sum((self.x - near) ** 2) / n
        if weights.reconstruction_reduction == "mean":
            squares /= self.x[0].size
        kl = jnp.sum(0.5 * (mean**2 + jnp.exp(logvar) - logvar - 1)) / n
        if weights.kl_reduction == "mean":
            kl /= mean.shape[1]
        terms = {"reconstruction": weights.reconstruction_weight * squares, "kl": weights.beta * kl}
        if weights.lambda_adv > 0:
            if not weights.adversarial_to_encoder:
                seen, free_again, _ = self.generate(params, jax.lax.stop_gradient(z))
                pair = (seen + shift, free_again + free_shift)
            else:
                pair = (near, free)
            pays = [self.generator_pays(self.judge(images)[0]) for images in pair]
            terms["adversarial"] = pays[0] / 2 if weights.judge_reconstructions else 0 * pays[0]
            terms["prior"] = weights.prior_weight * pays[1] / 2
        if weights.feature_weight > 0 or weights.mean_feature_weight > 0:
            f_x, f_near, f_free = (self.judge(images)[1] for images in (self.x, near, free))
            means = half_square(f_x.mean(0), f_free.mean(0))
            terms["features"] = weights.feature_weight * half_square(f_x, f_near) / n
            terms["features"] += weights.mean_feature_weight * means
        if self.classified:
            g = lambda images: self.nets.classify(self.state.params["classifier"], images)[1]  # noqa: E731
            g_x, g_near, g_free = g(self.x), g(near), g(free)
            total = half_square(g_x, g_near) / n
            for c in np.unique(self.y):
                mine = np.flatnonzero(self.y == c)
                total += half_square(g_x[mine].mean(0), g_free[mine].mean(0))
            terms["classifier"] = weights.classifier_weight * total
        return terms

    def __call__(self):
        """Gradients of every network, metrics, and new statistics."""
        params = {name: self.state.params[name] for name in ("encoder", "generator")}
        free = self.judged or self.classified
        still = jnp.zeros_like(self.x), jnp.zeros_like(self.x if free else self.x[:0])
        terms, pullback = jax.vjp(lambda *shifts: self.terms(params, *shifts), *still)
        one_hot = lambda name: {other: jnp.float32(other == name) for other in terms}  # noqa: E731
        norm = lambda pull: jnp.sqrt(jnp.sum(pull**2))  # noqa: E731
        pulls = {name: pullback(one_hot(name)) for name in terms if name != "kl"}
        norms = {name: norm(pull[name == "prior"]) for name, pull in pulls.items()}
        share = self.loss.lambda_adv
        lambdas = {"adversarial": share, "prior": share}
        if "adversarial" in norms:
            if self.loss.lambda_mode == "relative":
                whole = norms["reconstruction"] * share
                lambdas["adversarial"] = whole / norms["adversarial"]
                lambdas["prior"] = self.loss.prior_weight * whole / norms["prior"]
            if not self.loss.judge_reconstructions:
                lambdas["adversarial"] = 0.0
                norms["adversarial"] = jnp.zeros(())
            norms["adversarial"] *= lambdas["adversarial"]
            del norms["prior"]

        def vae_loss(params):
            terms = self.terms(params, *still)
            return sum(lambdas.get(name, 1.0) * term for name, term in terms.items())

        grads = jax.grad(vae_loss)(params)
        terms["adversarial"] = terms.get("adversarial", 0) + terms.pop("prior", 0)
        if self.loss.lambda_adv == 0:
            del terms["adversarial"]
        metrics = {f"loss/{name}": term for name, term in terms.items()}
        metrics |= {f"share/{name}": norm / sum(norms.values()) for name, norm in norms.items()}
        metrics["lambda"] = jnp.asarray(lambdas["adversarial"])
        metrics["lambda_prior"] = jnp.asarray(lambdas["prior"])
        mean, logvar, encoder_stats = self.encode(params)
        near, free, generator_stats = self.generate(params, mean + jnp.exp(logvar / 2) * self.eps)
        metrics["mse"] = jnp.mean((near - self.x) ** 2)
        metrics["kl"] = jnp.mean(jnp.sum(mean**2 + jnp.exp(logvar) - logvar - 1, axis=1)) / 2
        metrics["active_dims"] = jnp.sum(jnp.var(mean, axis=0) > 0.01)
        stats = {"encoder": encoder_stats, "generator": generator_stats}
        if self.judged:
            # The fakes are constants here: closed over, whatever the parameters differentiated.
            def discriminator_loss(params):
                seen = {"real": self.x, "reconstructed": near, "prior": free}
                if not self.loss.judge_reconstructions:
                    del seen["reconstructed"]
                said = {name: self.judge(images, params) for name, images in seen.items()}
                d = {f"d/{name}": logits for name, (logits, _, _) in said.items()}
                real, *fakes = d.values()
                value = self.pays_real(real) + sum(map(self.pays_fake, fakes)) / len(fakes)
                average = lambda real, *fakes: real / 2 + sum(fakes) / len(fakes) / 2  # noqa: E731
                stats = jax.tree.map(average, *(stats for _, _, stats in said.values()))
                return value, (jax.tree.map(jnp.mean, d), stats)

            (value, (means, stats["discriminator"])), grads["discriminator"] = jax.value_and_grad(
                discriminator_loss, has_aux=True
            )(self.state.params["discriminator"])
            metrics["loss/discriminator"] = value
            metrics |= means
        if self.classified:

            def cross_entropy(params):
                logits, _ = self.nets.classify(params, self.x)
                chosen = logits[np.arange(len(self.y)), self.y]
                return jnp.mean(jnp.log(jnp.sum(jnp.exp(logits), axis=1)) - chosen)

            value, grads["classifier"] = jax.value_and_grad(cross_entropy)(
                self.state.params["classifier"]
            )
            metrics["loss/cross_entropy"], stats["classifier"] = value, {}
        for name, grad in grads.items():
            squares = [jnp.sum(leaf**2) for leaf in jax.tree.leaves(grad)]
            metrics[f"grad/{name}"] = jnp.sqrt(sum(squares))
        return grads, metrics, stats


def assert_close(ours, expected, tolerance=1e-4):
    """Equal to `tolerance` of each leaf's largest entry, down to 3 % of the tree's.

    Below that is rounding: a bias before BatchNorm has a gradient of exactly zero.
    """
    assert jax.tree.structure(ours) == jax.tree.structure(expected)
    leaves = jax.tree.leaves(expected)
    floor = 0.03 * max((np.abs(leaf).max() for leaf in leaves), default=0)
    for (path, leaf), b in zip(jax.tree_util.tree_leaves_with_path(ours), leaves, strict=True):
        atol = tolerance * max(np.abs(b).max(), floor)
        np.testing.assert_allclose(leaf, b, rtol=tolerance, atol=atol, err_msg=str(path))


@pytest.mark.usefixtures("gradients_as_opt")
@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_a_step_descends_the_documented_objective(tiny, overrides):
    family = tiny.make(**overrides)
    state = tiny.state(family)
    batch, keys = tiny.batch(8), tiny.keys(8)
    new, metrics = tiny.step(family)(state, batch, keys)
    config = tiny.config(**overrides)
    referee = lambda state, keys: Referee(config, tiny.spec, state, batch, keys)()  # noqa: E731
    grads, expected, stats = tiny.alone(referee)(state, keys)
    for name in state.params:
        assert_close(new.opt[name], grads[name])
    for name, value in metrics.items():
        assert_close(value, expected[name])
    assert set(metrics) == set(expected)
    assert_close(new.batch_stats, stats)
    descended = jax.tree.map(lambda p, g: p - 1e-3 * g, state.params, dict(grads))
    assert_close(new.params, descended)
    assert new.step == state.step + 1


def test_prior_samples_pull_as_asked_however_steep_the_discriminator_is_elsewhere(tiny):
    family = tiny.make(**{"loss.prior_weight": 5.0, "loss.lambda_adv": 0.2})
    metrics = tiny.step(family)(tiny.state(family), tiny.batch(8), tiny.keys(8))[1]
    near, free = metrics["lambda"], metrics["lambda_prior"]
    assert near > 0
    assert free > 0
    # Of prior_weight * lambda_adv = 1: the share of reconstructions, whatever lambda became.
    assert not np.isclose(free, near, rtol=1e-2)


def test_kernels_of_every_network_may_start_from_dcgans_normal(tiny):
    wide = {f"{name}.widths": (32,) for name in ("encoder", "generator", "discriminator")}
    params = jax.jit(tiny.make(init_std=0.02, **wide).init)(jax.random.key(0)).params
    for network in params.values():
        leaves, _ = jax.tree_util.tree_flatten_with_path(network)
        kernels = np.concatenate(
            [np.ravel(leaf) for path, leaf in leaves if path[-1].key == "kernel"]
        )
        assert abs(kernels.std() / 0.02 - 1) < 4 / np.sqrt(kernels.size)
