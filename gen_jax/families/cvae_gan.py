"""Conditional VAE-GAN: a conditional VAE whose pictures a projection discriminator also judges.

Larsen et al. 2016 for the VAE-GAN, Miyato & Koyama 2018 for the projection discriminator, Bao et
al. 2017 for the classifier and for mean feature matching. For images x with labels y,

    mean, logvar = encoder(x, y)      z = mean + sigma * eps      x~ = generator(z, y)
    z' ~ N(0, I)                      x' = generator(z', y)

encoder and generator minimise the mean over the batch of the per-example

    reconstruction_weight * R(|x - x~|^2)                  R: sum or mean over pixels
    + beta * K(KL(q(z | x, y) || N(0, I)))                 K: sum or mean over z, nats
    + (lambda * A(D(x~, y)) + lambda' * prior_weight * A(D(x', y))) / 2   A: the adversarial loss
    + feature_weight * 1/2 |f(x) - f(x~)|^2                f: D's last hidden layer
    + mean_feature_weight * 1/2 |E f(x) - E f(x')|^2       E: mean over the global batch
    + classifier_weight * (1/2 |g(x) - g(x~)|^2            g: the classifier's last hidden layer
                           + 1/2 sum_c |E_c g(x) - E_c g(x')|^2)

while the discriminator minimises real(D(x, y)) + (fake(D(x~, y)) + fake(D(x', y))) / 2 and the
classifier cross-entropy on x. x, x~ and x' pass D in batches of their own, each with its own
moments where D has batch norm. In `fixed` mode lambda and lambda' are lambda_adv. In `relative`
mode they are what makes the adversarial pull, the norm of the term's gradient, lambda_adv times the
reconstruction term's at x~, and prior_weight * lambda_adv times that at x' (`losses.balance`), both
without gradient: prior_weight 1 / lambda_adv gives prior samples as much of the generator's
learning as reconstructions. Each is measured where it pulls, for a discriminator soon tells
reconstructions with ease and is far steeper there: one weight for both, measured at x~, left prior
samples a tenth of their pull by the end of a training (docs/results/cvae_gan_cifar100). Both are
zero for `vae_epochs` and then ramp up. Without `judge_reconstructions` the discriminator is not
shown x~: A(D(x~, y)) is dropped, and fake(D(x', y)) counts whole.

Stop-gradients: terms of encoder and generator never move discriminator or classifier, theirs
never move encoder or generator, and f(x), g(x) are constants. Every term reaches the generator;
those at x~ also reach the encoder, the adversarial one only if `adversarial_to_encoder`.
All networks update at once, from the same state. Without any term that asks for the discriminator
(lambda_adv 0) there is none: a conditional VAE.
"""

from functools import reduce
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.core import optimizers, parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.families import cvae_gan_options
from gen_jax.families.cvae_gan_evaluation import Evaluation
from gen_jax.families.cvae_gan_networks import CvaeGanNetworks
from gen_jax.losses import balance, elbo, matching

Images = Float[Array, "b h w c"]
Labels = Int[Array, "b"]
Keys = Key[Array, "b"]
Scalars = dict[str, Float[Array, ""]]
Tree = Any


def make(config: ConfigDict, spec: DataSpec) -> Family:
    """Builds the family; raises UserError for options that do not exist or do not go together."""
    options = cvae_gan_options.read(config, spec)
    nets = CvaeGanNetworks(config, spec, options.judged, options.classified)
    evaluation = Evaluation(nets, options)
    game, judged, classified = options.game, options.judged, options.classified

    def split_fakes(fakes: Array) -> tuple[Array, Array]:
        """Reconstructions and prior samples; the latter empty where nobody looks at them."""
        half = len(fakes) // 2 if judged or classified else len(fakes)
        return fakes[:half], fakes[half:]

    def pulls_at_fakes(
        state: TrainState, fakes: Images, images: Images, labels: Labels
    ) -> dict[str, tuple[Float[Array, ""], Images]]:
        """Value and gradient at [x~, x'] of every term, weighted but for lambda."""

        def reconstruction_term(fakes):
            return jnp.mean(options.reconstruction(split_fakes(fakes)[0], images))

        def adversarial_term(fakes):
            shown = options.shown(*split_fakes(fakes))
            said = {name: nets.discriminate(state, x, labels)[0] for name, x in shown.items()}
            return options.adversarial({n: jnp.mean(game.generator(d)) for n, d in said.items()})

        def feature_terms(fakes):
            pictures = (images, *split_fakes(fakes))
            real, near, free = (nets.discriminate(state, x, labels)[1] for x in pictures)
            pairs = jnp.mean(matching.pairwise(real, near))
            means = matching.mean(parallel.gather(real), parallel.gather(free))
            return options.feature_weight * pairs + options.mean_feature_weight * means

        def classifier_terms(fakes):
            _, real = nets.classify(state.params["classifier"], images)
            near, free = split_fakes(nets.classify(state.params["classifier"], fakes)[1])
            pairs = jnp.mean(matching.pairwise(real, near))
            real, free, all_labels = map(parallel.gather, (real, free, labels))
            means = matching.class_mean(real, free, all_labels, spec.num_classes)
            return options.classifier_weight * (pairs + means)

        terms = {"reconstruction": reconstruction_term}
        if options.lambda_adv > 0:
            terms["adversarial"] = adversarial_term
        if options.feature_weight > 0 or options.mean_feature_weight > 0:
            terms["features"] = feature_terms
        if classified:
            terms["classifier"] = classifier_terms
        return {name: jax.value_and_grad(term)(fakes) for name, term in terms.items()}

    def step(
        state: TrainState, batch: Any, keys: Key[Array, "1 b"], key: Key[Array, ""]
    ) -> tuple[TrainState, Scalars]:
        del key  # nothing here concerns the batch as a whole
        images, labels = batch["image"][0], batch["label"][0]
        noise, prior = nets.draw(keys[0])

        # 1. Encode, draw z, and decode it together with z': one pass, so one set of BatchNorm
        #    moments serves posterior and prior. `pullback` takes gradients at its outputs back.
        def autoencode(params):
            mean, logvar, encoder_stats = nets.encode(params, state.batch_stats, images, labels)
            z, y = elbo.reparameterise(mean, logvar, noise), labels
            if judged or classified:
                z, y = jnp.concatenate([z, prior]), jnp.concatenate([y, y])
            fakes, generator_stats = nets.generate(params, state.batch_stats, z, y)
            return (mean, logvar, fakes), {"encoder": encoder_stats, "generator": generator_stats}

        vae_params = {name: state.params[name] for name in ("encoder", "generator")}
        (mean, logvar, fakes), pullback, stats = jax.vjp(autoencode, vae_params, has_aux=True)

        # 2. Each term's pull where it is computed: on mean and logvar, or on the pictures.
        def kl_term(mean, logvar):
            return options.beta * jnp.mean(options.kl(mean, logvar))

        kl_value, kl_pull = jax.value_and_grad(kl_term, argnums=(0, 1))(mean, logvar)
        values, pulls = {"kl": kl_value}, {}
        for name, (value, pull) in pulls_at_fakes(state, fakes, images, labels).items():
            values[name], pulls[name] = value, pull

        # 3. lambda and lambda', now that all pulls at the pictures are known.
        norms = {name: parallel.norm(split_fakes(pull)[0]) for name, pull in pulls.items()}
        weight = options.lambda_adv * optimizers.ramp(
            state.step, options.vae_steps, options.ramp_steps
        )
        weights = weight, weight
        if "adversarial" in pulls:
            near, free = split_fakes(pulls["adversarial"])
            if options.relative:
                reference, at_prior = norms["reconstruction"], parallel.norm(free)
                weights = (
                    balance.relative_weight(weight, reference, norms["adversarial"]),
                    balance.relative_weight(options.prior_weight * weight, reference, at_prior),
                )
            if not options.judge_reconstructions:
                weights = jnp.zeros(()), weights[1]  # of a pull that is 0
            pulls["adversarial"] = jnp.concatenate([weights[0] * near, weights[1] * free])
            norms["adversarial"] *= weights[0]

        # 4. Take the sum of the pulls back to the parameters.
        grads = pullback((*kl_pull, sum(pulls.values())))[0]
        if "adversarial" in pulls and not options.adversarial_to_encoder:
            others = sum(pull for name, pull in pulls.items() if name != "adversarial")
            grads["encoder"] = pullback((*kl_pull, others))[0]["encoder"]

        # 5. The judges, on the same pictures.
        metrics: Scalars = {}
        if judged:

            def discriminator_loss(params):
                judge = state._replace(params=state.params | {"discriminator": params})
                pictures = {"real": images} | options.shown(*split_fakes(fakes))
                said = [nets.discriminate(judge, x, labels) for x in pictures.values()]
                (real, *generated), _, (of_real, *of_fakes) = zip(*said, strict=True)
                paid = [jnp.mean(game.fake(logits)) for logits in generated]
                value = jnp.mean(game.real(real)) + reduce(add, paid) / len(paid)
                # Running moments are of real and generated images; power iterations agree.
                new_stats = _halfway(of_real, reduce(_halfway, of_fakes))
                logits = dict(zip(pictures, (real, *generated), strict=True))
                return value, (logits, new_stats)

            (
                (values["discriminator"], (logits, stats["discriminator"])),
                grads["discriminator"],
            ) = jax.value_and_grad(discriminator_loss, has_aux=True)(state.params["discriminator"])
            metrics |= {f"d/{name}": jnp.mean(each) for name, each in logits.items()}
        if classified:

            def classifier_loss(params):
                logits, _ = nets.classify(params, images)
                return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

            values["cross_entropy"], grads["classifier"] = jax.value_and_grad(classifier_loss)(
                state.params["classifier"]
            )

        grads = parallel.pmean(grads)
        state = nets.update(state, grads, stats)
        near = split_fakes(fakes)[0]
        metrics |= {f"loss/{name}": value for name, value in values.items()}
        metrics["kl"] = jnp.mean(jnp.sum(elbo.kl_standard_normal(mean, logvar), axis=-1))
        metrics["mse"] = jnp.mean(elbo.squared_error(near, images))
        metrics = parallel.pmean(metrics)
        spread = jnp.var(parallel.gather(mean), axis=0)
        metrics["active_dims"] = jnp.sum(spread > elbo.ACTIVE_VARIANCE).astype(jnp.float32)
        for name, weight in zip(("lambda", "lambda_prior"), weights, strict=True):
            metrics[name] = jnp.asarray(weight, jnp.float32)
        metrics |= optimizers.norms(grads)
        metrics |= {f"share/{name}": share for name, share in balance.shares(norms).items()}
        return state, metrics

    return Family(
        nets.init,
        step,
        1,
        evaluation.metrics,
        evaluation.sample,
        evaluation.encode,
        evaluation.decode,
    )


def _halfway(a: Tree, b: Tree) -> Tree:
    return jax.tree.map(lambda x, y: (x + y) / 2, a, b)
