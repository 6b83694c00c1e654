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
        the batch; with schedule "capacity" it is beta |K - C(t)|            (Burgess et al. 2018)

plus perceptual.weight times the distance between the frozen features of x and of the mean image.
R and K are sums over dimensions, or means by config. Whatever the objective, `elbo` and its parts
are logged raw: sums, in nats. A learned scale of the likelihood learns at the generator's rate.
"""

from functools import partial
from math import log, prod
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.core import optimizers, parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.families import vae_options
from gen_jax.families.vae_model import Autoencoder, Draws, Forward, draws
from gen_jax.losses import elbo, total_correlation

Images = Float[Array, "b h w c"]
Labels = Int[Array, "b"]
Latents = Float[Array, "b z"]
Keys = Key[Array, "b"]
Tree = Any
Scalars = dict[str, Float[Array, ""]]


def make(config: ConfigDict, spec: DataSpec) -> Family:
    """Builds the family; raises UserError for options that do not exist or do not go together."""
    options = vae_options.read(config, spec)
    model = Autoencoder(config, spec, options)
    nets = model.nets

    def judge(state: TrainState, z: Latents, params: Tree = None) -> Float[Array, "b"]:
        """FactorVAE's discriminator: logits of z being drawn jointly."""
        variables = {"params": params or state.params["discriminator"]}
        return nets.nets["discriminator"].module.apply(variables, z)

    def kl_term(f: Forward, state: TrainState) -> tuple[Float[Array, ""], Scalars]:
        """The weighted KL part of the objective, batch mean, and what to log of it."""
        ramp = options.schedule(state.step, options.kl_steps)
        if options.objective == "tcvae":
            terms = total_correlation.decompose(
                f.z[0],
                f.mean,
                f.logvar,
                parallel.gather(f.mean),
                parallel.gather(f.logvar),
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
            scalars["tc"] = jnp.mean(judge(state, f.z[0]))
            value += options.gamma * scalars["tc"]
        return value, scalars

    def objective(
        params: Tree, state: TrainState, images: Images, labels: Labels, d: Draws
    ) -> tuple[Float[Array, ""], tuple[Forward, Scalars]]:
        f = model.forward(params, state.batch_stats, images, labels, d, train=True)
        if options.objective == "iwae":
            total = -jnp.mean(elbo.iwae_bound(f.log_weights()))
            return total, (f, {"loss/total": total})
        # 1. Reconstruction.
        scalars: Scalars = {}
        error = jnp.mean(options.reduce_pixels(-f.log_px, axis=-1))
        total = scalars["loss/reconstruction"] = options.reconstruction_weight * error
        # 2. KL.
        if not options.point:
            scalars["loss/kl"], logged = kl_term(f, state)
            total += scalars["loss/kl"]
            scalars |= logged
        # 3. Features.
        if options.perceptual:
            scalars["loss/perceptual"] = jnp.mean(options.perceptual(f.image, images))
            total += scalars["loss/perceptual"]
        return total, (f, scalars | {"loss/total": total})

    def ratio_term(
        params: Tree, state: TrainState, f: Forward, batch: Any, keys: Keys, key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """FactorVAE's discriminator loss: z of this batch against shuffled z of the other."""
        d = draws(keys)
        images = model.observe(batch["image"][1], d)
        other = model.forward(
            state.params, state.batch_stats, images, batch["label"][1], d, train=True
        ).z[0]
        shuffled = total_correlation.permute_dimensions(key, parallel.gather(other))
        local = jax.lax.axis_index(parallel.AXIS) * len(other)
        permuted = jax.lax.dynamic_slice_in_dim(shuffled, local, len(other))
        joint = jax.lax.stop_gradient(f.z[0])
        logits = (judge(state, z, params) for z in (joint, permuted))
        return jnp.mean(total_correlation.ratio_loss(*logits))

    def step(
        state: TrainState, batch: Any, keys: Key[Array, "draws b"], key: Key[Array, ""]
    ) -> tuple[TrainState, Scalars]:
        d = draws(keys[0])
        images, labels = model.observe(batch["image"][0], d), batch["label"][0]
        own = {n: p for n, p in state.params.items() if n != "discriminator"}
        (_, (f, scalars)), grads = jax.value_and_grad(objective, has_aux=True)(
            own, state, images, labels, d
        )
        if options.objective == "factor":
            scalars["loss/discriminator"], grads["discriminator"] = jax.value_and_grad(ratio_term)(
                state.params["discriminator"], state, f, batch, keys[1], key
            )
        grads = parallel.pmean(grads)
        state = nets.update(state, grads, f.stats)
        scalars |= raw(f) | {"mse": jnp.mean(elbo.squared_error(f.image, images))}
        if model.likelihood.learned_scale is not None:
            name = "sigma" if config.loss.likelihood == "gaussian_learned" else "scale"
            scalars[name] = jnp.exp(model.log_scale(own))
        scalars = parallel.pmean(scalars)
        spread = jnp.var(parallel.gather(f.mean), axis=0)
        scalars["active_dims"] = jnp.sum(spread > elbo.ACTIVE_VARIANCE).astype(jnp.float32)
        return state, scalars | optimizers.norms(grads)

    def raw(f: Forward) -> Scalars:
        """The ELBO and its parts, whatever was weighted how."""
        log_px = jnp.mean(f.log_px_per_example())
        if options.point:
            return {"log_px": log_px}
        kl = jnp.mean(jnp.sum(elbo.kl_standard_normal(f.mean, f.logvar), axis=-1))
        out = {"elbo": log_px - kl, "log_px": log_px, "kl": kl}
        return out | ({"bits_per_dim": bits_per_dim(out["elbo"])} if options.bits else {})

    def bits_per_dim(bound: Array) -> Array:
        return -bound / (prod(spec.shape) * log(2))

    def metrics(state: TrainState, batch: Any, keys: Keys) -> dict[str, Float[Array, "b"]]:
        """Terms per example: `mse` and `psnr` of the decoded posterior mean, the rest at drawn z.

        `loss/kl`, at the full beta, only where it is a sum over examples: free bits, capacity and
        total correlation are statements about batches.
        """
        images, labels = batch["image"], batch["label"]
        f = model.forward(*nets.evaluated(state), images, labels, draws(keys), train=False)
        squared = jnp.mean(elbo.squared_error(decode(state, f.mean, labels), images), axis=-1)
        error = jnp.mean(options.reduce_pixels(-f.log_px, axis=-1), axis=0)
        out = {
            "mse": squared,
            "psnr": elbo.psnr(squared),
            "log_px": f.log_px_per_example(),
            "loss/reconstruction": options.reconstruction_weight * error,
        }
        if not options.point:
            kl = elbo.kl_standard_normal(f.mean, f.logvar)
            out["kl"] = jnp.sum(kl, axis=-1)
            out["elbo"] = out["log_px"] - out["kl"]
            if options.plain:
                out["loss/kl"] = options.beta * options.reduce_latent(kl, axis=-1)
            if options.bits:
                out["bits_per_dim"] = bits_per_dim(out["elbo"])
        if options.perceptual:
            out["loss/perceptual"] = options.perceptual(f.image, images)
        if options.plain or options.point:
            terms = [value for name, value in out.items() if name.startswith("loss/")]
            out["loss/total"] = jnp.sum(jnp.stack(terms), axis=0)
        return out

    def encode(state: TrainState, images: Images, labels: Labels) -> tuple[Latents, Latents]:
        return model.encode(*nets.evaluated(state), images, labels)[:2]

    def decode(state: TrainState, z: Latents, labels: Labels) -> Images:
        outputs, _ = model.generate(*nets.evaluated(state), z, labels)
        return model.likelihood.mean(outputs)

    def sample(state: TrainState, keys: Keys, labels: Labels) -> Images:
        normal = partial(jax.random.normal, shape=(config.z_dim,))
        return decode(state, jax.vmap(normal)(keys), labels)

    def log_px(state: TrainState, z: Latents, batch: Any) -> Float[Array, "b"]:
        params, stats = nets.evaluated(state)
        outputs, _ = model.generate(params, stats, z, batch["label"])
        return jnp.sum(model.log_px(params, outputs, batch["image"]), axis=-1)

    def observe(images: Images, keys: Keys) -> Images:
        return model.observe(images, draws(keys))

    return Family(
        nets.init,
        step,
        options.draws,
        metrics,
        sample,
        encode,
        decode,
        observe if options.binarise else None,
        None if options.point else log_px,
        frozen=options.frozen,
    )
