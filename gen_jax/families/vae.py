"""Variational autoencoders: dense or convolutional, conditional or not, and a plain autoencoder.

Kingma & Welling 2014. For an image x, seen with its label y by a conditional model,

    mean, logvar = encoder(c(x), y)     z = mean + sigma * eps     p(x | z, y): a `Likelihood`
                                                                   of the generator's outputs

with c a corruption where denoising is asked for (Vincent et al. 2010). Minimised is the mean over
the batch of the objective

    elbo          reconstruction_weight * R(-log p(x | z, y)) + beta(t) * K
    tcvae         the same with K = MI + beta TC + sum_j KL(q(z_j) || p(z_j)), unweighted as a whole
                  but for the schedule (Chen et al. 2018)
    factor        elbo + gamma * TC by a discriminator of z, the one network more (Kim & Mnih 2018)
    iwae          -log 1/k sum_i p(x, z_i | y) / q(z_i | x, y)              (Burda et al. 2016)
    autoencoder   reconstruction_weight * R(-log p(x | mean)), no KL, no noise

    K = sum_j max(free_bits, KL_j) over latent dimensions (Kingma et al. 2016), KL_j the mean over
        the batch; with schedule "capacity" |K - C(t)|                       (Burgess et al. 2018)

plus perceptual.weight times the distance between the frozen features of x and of the mean image.
Whatever the objective, `elbo` and its parts are logged raw: sums over dimensions, in nats.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.core import parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.families import build, vae_options
from gen_jax.families.networks import Networks
from gen_jax.losses import elbo, total_correlation
from gen_jax.losses.likelihoods import Likelihood

Images = Float[Array, "b h w c"]
Labels = Int[Array, "b"]
Latents = Float[Array, "b z"]
Keys = Key[Array, "b"]
Tree = Any
Scalars = dict[str, Float[Array, ""]]

ACTIVE_VARIANCE = 0.01
"""A latent dimension is active if its posterior mean varies more over x (Burda et al. 2016)."""


class _Draws(NamedTuple):
    """One key per example for everything that is drawn for it."""

    binarise: Keys
    corrupt: Keys
    noise: Keys
    encoder_dropout: Keys
    generator_dropout: Keys


def _draws(keys: Keys) -> _Draws:
    return _Draws(*jnp.moveaxis(jax.vmap(partial(jax.random.split, num=5))(keys), 1, 0))


class _Forward(NamedTuple):
    """What a pass through encoder and generator gives; `log_px` is [k, b, d]."""

    mean: Latents
    logvar: Latents
    z: Float[Array, "k b z"]
    log_px: Float[Array, "k b d"]
    image: Images
    stats: dict[str, Tree]


def make(config: ConfigDict, spec: DataSpec) -> Family:
    """Builds the family; raises UserError for options that do not exist or do not go together."""
    options = vae_options.read(config, spec)
    nets = vae_options.networks(config, spec, options)
    likelihood: Likelihood = options.likelihood
    draws, count = options.draws, options.num_samples
    binarise: Callable | None = options.binarise
    corrupt: Callable | None = options.corrupt

    def log_scale(params: Tree) -> Float[Array, ""]:
        if likelihood.learned_scale is None:
            return jnp.log(options.sigma)
        return params["likelihood"]["log_scale"]

    def encode_with(
        params: Tree, stats: Tree, images: Images, labels: Labels, train: bool, keys: Keys | None
    ) -> tuple[Latents, Latents, Tree]:
        (mean, logvar), new = nets.apply(
            "encoder", params, stats, images, labels, train=train, keys=keys
        )
        return mean, jnp.full_like(logvar, -jnp.inf) if options.point else logvar, new

    def log_likelihood(
        params: Tree, outputs: Images, images: Images
    ) -> tuple[Float[Array, "b d"], Images]:
        """log p(x | z) of every value, [b, d], and the mean image."""
        log_px = likelihood.log_prob(outputs, images, log_scale(params))
        return log_px.reshape(len(images), -1), likelihood.mean(outputs)

    def forward(
        params: Tree, stats: Tree, images: Images, labels: Labels, d: _Draws, train: bool
    ) -> _Forward:
        seen = corrupt(d.corrupt, images) if corrupt else images
        drop = (d.encoder_dropout, d.generator_dropout) if train else (None, None)
        mean, logvar, encoder_stats = encode_with(params, stats, seen, labels, train, drop[0])
        if options.point:
            z = mean[None]
        else:
            shape = (count, config.z_dim)
            noise = jax.vmap(partial(jax.random.normal, shape=shape), out_axes=1)(d.noise)
            z = jax.vmap(elbo.reparameterise, in_axes=(None, None, 0))(mean, logvar, noise)
        # All draws in one pass, draw by draw, so that one set of BatchNorm moments serves them.
        repeat = partial(jnp.tile, reps=len(z))
        drop_keys = None
        if train and config.generator.dropout:
            each = [jax.vmap(jax.random.fold_in, (0, None))(drop[1], i) for i in range(len(z))]
            drop_keys = jnp.concatenate(each)
        outputs, generator_stats = nets.apply(
            "generator",
            params,
            stats,
            z.reshape(-1, config.z_dim),
            repeat(labels),
            train=train,
            keys=drop_keys,
        )
        outputs = outputs.reshape(len(z), *images.shape)
        log_px = jax.vmap(lambda out: log_likelihood(params, out, images)[0])(outputs)
        new_stats = {"encoder": encoder_stats, "generator": generator_stats}
        return _Forward(mean, logvar, z, log_px, likelihood.mean(outputs[0]), new_stats)

    def kl_term(f: _Forward, state: TrainState, params: Tree) -> tuple[Float[Array, ""], Scalars]:
        """The weighted KL part of the objective, batch mean, and what to log of it."""
        ramp = options.schedule(state.step, options.kl_steps)
        if options.objective == "tcvae":
            terms = total_correlation.decompose(
                f.z[0],
                f.mean,
                f.logvar,
                parallel.gather(f.mean),
                parallel.gather(f.logvar),
                spec.num_examples,
            )
            information, tc, dimensions = map(jnp.mean, terms)
            value = ramp * (information + options.beta * tc + dimensions)
            parts = {"mutual_information": information, "tc": tc, "dimension_wise_kl": dimensions}
            return value, parts | {"beta": ramp * options.beta}
        per_dimension = elbo.kl_standard_normal(f.mean, f.logvar)
        if options.free_bits:
            # The mean of the global batch, so that the floor is the same on any number of devices.
            per_dimension = jnp.maximum(
                options.free_bits, parallel.pmean(jnp.mean(per_dimension, axis=0, keepdims=True))
            )
        kl = jnp.mean(options.reduce_latent(per_dimension, axis=-1))
        if options.capacity is not None:
            target = options.capacity * ramp
            # Likewise the distance of the global mean, not the mean of each device's distance.
            value = options.beta * jnp.abs(parallel.pmean(kl) - target)
            return value, {"beta": jnp.float32(options.beta), "capacity": target}
        scalars = {"beta": ramp * options.beta}
        value = scalars["beta"] * kl
        if options.objective == "factor":
            logits = nets.nets["discriminator"].module.apply(
                {"params": state.params["discriminator"]}, f.z[0]
            )
            scalars["tc"] = jnp.mean(logits)
            value += options.gamma * scalars["tc"]
        return value, scalars

    def objective(
        params: Tree, state: TrainState, images: Images, labels: Labels, d: _Draws
    ) -> tuple[Float[Array, ""], tuple[_Forward, Scalars]]:
        f = forward(params, state.batch_stats, images, labels, d, train=True)
        scalars: Scalars = {}
        if options.objective == "iwae":
            log_weights = jnp.sum(f.log_px, axis=-1) + _log_prior_over_posterior(f)
            total = -jnp.mean(elbo.iwae_bound(log_weights))
            return total, (f, {"loss/total": total})
        # 1. Reconstruction.
        error = jnp.mean(options.reduce_pixels(-f.log_px, axis=-1))
        total = scalars["loss/reconstruction"] = options.reconstruction_weight * error
        # 2. KL.
        if not options.point:
            scalars["loss/kl"], logged = kl_term(f, state, params)
            total += scalars["loss/kl"]
            scalars |= logged
        # 3. Features.
        if options.perceptual:
            scalars["loss/perceptual"] = jnp.mean(options.perceptual(f.image, images))
            total += scalars["loss/perceptual"]
        return total, (f, scalars | {"loss/total": total})

    def step(
        state: TrainState, batch: Any, keys: Key[Array, "draws b"], key: Key[Array, ""]
    ) -> tuple[TrainState, Scalars]:
        labels, d = batch["label"][0], _draws(keys[0])
        images = binarise(d.binarise, batch["image"][0]) if binarise else batch["image"][0]
        own = {n: p for n, p in state.params.items() if n != "discriminator"}
        (_, (f, scalars)), grads = jax.value_and_grad(objective, has_aux=True)(
            own, state, images, labels, d
        )
        stats = f.stats
        if options.objective == "factor":
            grads["discriminator"], scalars["loss/discriminator"] = _discriminate(
                state, batch, keys, key, f
            )
        state = nets.update(state, parallel.pmean(grads), stats)
        squared = jnp.mean(elbo.squared_error(f.image, images), axis=-1)
        scalars |= _raw(f) | {"mse": jnp.mean(squared)}
        if likelihood.learned_scale is not None:
            scalars["scale"] = jnp.exp(log_scale(own))
        scalars = parallel.pmean(scalars)
        spread = jnp.var(parallel.gather(f.mean), axis=0)
        scalars["active_dims"] = jnp.sum(spread > ACTIVE_VARIANCE).astype(jnp.float32)
        return state, scalars

    def _discriminate(
        state: TrainState, batch: Any, keys: Key[Array, "draws b"], key: Key[Array, ""], f: _Forward
    ) -> tuple[Tree, Float[Array, ""]]:
        """The discriminator's gradient: z of this batch against shuffled z of the other."""
        labels, d = batch["label"][1], _draws(keys[1])
        images = binarise(d.binarise, batch["image"][1]) if binarise else batch["image"][1]
        other = forward(state.params, state.batch_stats, images, labels, d, train=True).z[0]
        shuffled = total_correlation.permute_dimensions(key, parallel.gather(other))
        local = jax.lax.axis_index(parallel.AXIS) * len(other)
        permuted = jax.lax.dynamic_slice_in_dim(shuffled, local, len(other))
        z = jax.lax.stop_gradient(f.z[0])

        def loss(params: Tree) -> Float[Array, ""]:
            judge = partial(nets.nets["discriminator"].module.apply, {"params": params})
            return jnp.mean(total_correlation.ratio_loss(judge(z), judge(permuted)))

        value, grads = jax.value_and_grad(loss)(state.params["discriminator"])
        return grads, value

    def _raw(f: _Forward) -> Scalars:
        """The ELBO and its parts, whatever was weighted how."""
        log_px = jnp.mean(jnp.sum(f.log_px, axis=-1))
        if options.point:
            return {"log_px": log_px}
        kl = jnp.mean(jnp.sum(elbo.kl_standard_normal(f.mean, f.logvar), axis=-1))
        return {"elbo": log_px - kl, "log_px": log_px, "kl": kl}

    def metrics(state: TrainState, batch: Any, keys: Keys) -> dict[str, Float[Array, "b"]]:
        """Terms per example: `mse` and `psnr` of the decoded posterior mean, the rest at drawn z.

        Free bits and capacity are statements about batches; `loss/kl` is here beta KL without.
        """
        images, labels, d = batch["image"], batch["label"], _draws(keys)
        params, stats = nets.evaluated(state)
        f = forward(params, stats, images, labels, d, train=False)
        squared = jnp.mean(
            elbo.squared_error(decode(state, f.mean, labels), images), axis=-1
        )
        log_px = jnp.mean(jnp.sum(f.log_px, axis=-1), axis=0)
        error = jnp.mean(options.reduce_pixels(-f.log_px, axis=-1), axis=0)
        out = {
            "mse": squared,
            "psnr": 10 * jnp.log10(4 / squared),  # peak to peak is 2 on [-1, 1]
            "log_px": log_px,
            "loss/reconstruction": options.reconstruction_weight * error,
        }
        if not options.point:
            kl = elbo.kl_standard_normal(f.mean, f.logvar)
            out["kl"] = jnp.sum(kl, axis=-1)
            out["elbo"] = log_px - out["kl"]
            out["loss/kl"] = options.beta * options.reduce_latent(kl, axis=-1)
            if options.bits:
                out["bits_per_dim"] = -out["elbo"] / (f.log_px.shape[-1] * jnp.log(2.0))
        if options.perceptual:
            out["loss/perceptual"] = options.perceptual(f.image, images)
        return out

    def encode(state: TrainState, images: Images, labels: Labels) -> tuple[Latents, Latents]:
        return encode_with(*nets.evaluated(state), images, labels, False, None)[:2]

    def outputs_of(state: TrainState, z: Latents, labels: Labels) -> Images:
        return nets.apply("generator", *nets.evaluated(state), z, labels, train=False)[0]

    def decode(state: TrainState, z: Latents, labels: Labels) -> Images:
        return likelihood.mean(outputs_of(state, z, labels))

    def sample(state: TrainState, keys: Keys, labels: Labels) -> Images:
        normal = partial(jax.random.normal, shape=(config.z_dim,))
        return decode(state, jax.vmap(normal)(keys), labels)

    def log_px(state: TrainState, z: Latents, batch: Any) -> Float[Array, "b"]:
        outputs = outputs_of(state, z, batch["label"])
        params = nets.evaluated(state)[0]
        return jnp.sum(log_likelihood(params, outputs, batch["image"])[0], axis=-1)

    def observe(images: Images, keys: Keys) -> Images:
        return binarise(_draws(keys).binarise, images)

    return Family(
        nets.init,
        step,
        draws,
        metrics,
        sample,
        encode,
        decode,
        observe if binarise else None,
        None if options.point else log_px,
    )


def _log_prior_over_posterior(f: _Forward) -> Float[Array, "k b"]:
    """log p(z) - log q(z | x) of every draw."""
    density = jax.vmap(elbo.log_normal, in_axes=(0, None, None))
    zero = jnp.zeros_like(f.mean)
    return jnp.sum(density(f.z, zero, zero) - density(f.z, f.mean, f.logvar), axis=-1)
