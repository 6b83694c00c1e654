"""What a config asks of a VAE: its options, checked, and the networks they need."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from gen_jax import features
from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError, choose
from gen_jax.families import build
from gen_jax.families.networks import Net, Networks
from gen_jax.losses import elbo, perceptual
from gen_jax.losses.corruption import CORRUPTIONS
from gen_jax.losses.likelihoods import BINARISE, LIKELIHOODS, Likelihood
from gen_jax.losses.schedules import SCHEDULES
from gen_jax.nets import LatentDiscriminator

OBJECTIVES = ("elbo", "tcvae", "factor", "iwae", "autoencoder")


class Options(NamedTuple):
    """The `loss` section as functions and numbers.

    Attributes:
      plain: a beta-weighted ELBO and nothing that looks at a batch as a whole.
      point: the code is the encoder's mean, without noise or KL.
      draws: batches a step consumes; FactorVAE's discriminator needs a second one.
      bits: whether log p(x | z) is of 8-bit values, so that bits per dimension mean something.
      capacity: nats the KL is held at; None unless the schedule is "capacity".
      binarise, corrupt: (keys, images) -> images, or None.
      perceptual: (images, targets) -> [b], weighted, or None.
      frozen: digest of the file of its weights.
    """

    objective: str
    likelihood: Likelihood
    sigma: float
    num_samples: int
    reconstruction_weight: float
    reduce_pixels: Callable
    reduce_latent: Callable
    beta: float
    gamma: float
    free_bits: float
    capacity: float | None
    schedule: Callable
    kl_steps: int
    binarise: Callable | None
    corrupt: Callable | None
    perceptual: Callable | None
    frozen: dict[str, str]
    plain: bool
    point: bool
    bits: bool
    draws: int


def read(config: ConfigDict, spec: DataSpec) -> Options:
    """Raises UserError for options that do not exist or do not go together."""
    loss = config.loss
    objective = loss.objective
    choose(dict.fromkeys(OBJECTIVES), objective, "loss.objective")
    draws = 2 if objective == "factor" else 1
    schedule = choose(SCHEDULES, loss.kl_schedule, "loss.kl_schedule")
    kl_steps = build.epochs_in_steps(config, spec, loss.kl_epochs, draws)
    _check(config, objective, kl_steps)
    perceptual_term, frozen = _perceptual(config, spec)
    return Options(
        objective=objective,
        likelihood=choose(LIKELIHOODS, loss.likelihood, "loss.likelihood"),
        sigma=loss.sigma,
        num_samples=loss.num_samples,
        reconstruction_weight=loss.reconstruction_weight,
        reduce_pixels=choose(
            elbo.REDUCTIONS, loss.reconstruction_reduction, "loss.reconstruction_reduction"
        ),
        reduce_latent=choose(elbo.REDUCTIONS, loss.kl_reduction, "loss.kl_reduction"),
        beta=loss.beta,
        gamma=loss.gamma,
        free_bits=loss.free_bits,
        capacity=loss.kl_capacity if loss.kl_schedule == "capacity" else None,
        schedule=schedule,
        kl_steps=kl_steps,
        binarise=choose(BINARISE, loss.binarise, "loss.binarise"),
        corrupt=_corruption(config),
        perceptual=perceptual_term,
        frozen=frozen,
        plain=objective == "elbo" and loss.kl_schedule != "capacity" and not loss.free_bits,
        point=objective == "autoencoder",
        bits=loss.likelihood == "logistic",
        draws=draws,
    )


def networks(config: ConfigDict, spec: DataSpec, options: Options) -> Networks:
    """Encoder, generator; a scale where it is learned, a discriminator of z for FactorVAE."""
    nets: dict[str, Net] = {
        "encoder": build.encoder(config, spec, options.draws),
        "generator": build.generator(config, spec, options.draws),
    }
    if options.likelihood.learned_scale is not None:
        scale = _Scale(options.likelihood.learned_scale)
        nets["likelihood"] = Net(
            scale, (), build.optimizer(config, "generator", spec, options.draws)
        )
    if options.objective == "factor":
        nets["discriminator"] = Net(
            LatentDiscriminator(tuple(config.discriminator.widths)),
            (jnp.zeros((1, config.z_dim)),),
            build.optimizer(config, "discriminator", spec, options.draws),
        )
    averaged = tuple(name for name in nets if name != "discriminator")
    return Networks(nets, config.ema_decay, averaged, precision=config.precision)


class _Scale(nn.Module):
    """One learned number, `log_scale`."""

    initial: float

    @nn.compact
    def __call__(self) -> Float[Array, ""]:
        return self.param("log_scale", lambda _: jnp.float32(self.initial))


def _corruption(config: ConfigDict) -> Callable | None:
    name, level = config.loss.corruption, config.loss.corruption_level
    if name == "none":
        return None
    return partial(choose(CORRUPTIONS, name, "loss.corruption"), level=level)


def _perceptual(config: ConfigDict, spec: DataSpec) -> tuple[Callable | None, dict[str, str]]:
    section = config.perceptual
    weight = section.weight
    if not weight:
        return None, {}
    net = features.load(section.net, section.weights, tuple(section.layers), spec.shape)

    def distance(
        images: Float[Array, "b h w c"], targets: Float[Array, "b h w c"]
    ) -> Float[Array, "b"]:
        target = jax.lax.stop_gradient(net.apply(targets))
        return weight * perceptual.distance(net.apply(images), target)

    return distance, {"perceptual_weights": net.digest}


def _check(config: ConfigDict, objective: str, kl_steps: int) -> None:
    """Options that would be ignored, or mean something else, in this company."""
    loss = config.loss
    if loss.kl_schedule in ("linear", "cyclical", "capacity") and not kl_steps:
        raise UserError(f"loss.kl_schedule={loss.kl_schedule!r} needs loss.kl_epochs above 0")
    if loss.kl_schedule == "capacity" and (objective != "elbo" or loss.free_bits):
        raise UserError(
            "loss.kl_schedule='capacity' goes with loss.objective='elbo' and no free bits"
        )
    if (loss.kl_schedule == "capacity") != bool(loss.kl_capacity):
        raise UserError(
            f"loss.kl_capacity={loss.kl_capacity} with loss.kl_schedule={loss.kl_schedule!r}: "
            "'capacity' needs the nats to reach, and nothing else reads them"
        )
    if (objective == "factor") != bool(loss.gamma):
        raise UserError(
            f"loss.gamma={loss.gamma} with loss.objective={objective!r}: 'factor' weighs the total "
            "correlation by it (10 or so), and nothing else reads it"
        )
    widths = tuple(config.discriminator.widths)
    if objective == "factor" and (not widths or min(widths) < 1):
        raise UserError(f"discriminator.widths={widths}: FactorVAE's needs a hidden layer")
    if (loss.corruption == "none") != (loss.corruption_level == 0):
        raise UserError(
            f"loss.corruption={loss.corruption!r} and loss.corruption_level="
            f"{loss.corruption_level}: set both or neither"
        )
    if loss.corruption in ("masking", "salt_and_pepper") and loss.corruption_level > 1:
        raise UserError(
            f"loss.corruption_level={loss.corruption_level}: a fraction of pixels is at most 1"
        )
    if loss.free_bits and objective not in ("elbo", "factor"):
        raise UserError(f"loss.free_bits does not go with loss.objective={objective!r}")
    if loss.num_samples > 1 and objective in ("tcvae", "factor", "autoencoder"):
        raise UserError(f"loss.objective={objective!r} takes loss.num_samples=1")
    if objective == "iwae":
        sums = loss.reconstruction_reduction == loss.kl_reduction == "sum"
        plain = loss.beta == loss.reconstruction_weight == 1 and loss.kl_schedule == "constant"
        if not (sums and plain and not config.perceptual.weight):
            raise UserError(
                "loss.objective='iwae' bounds log p(x), which leaves nothing to weigh: it takes "
                "beta and reconstruction_weight 1, sums, a constant schedule and no perceptual term"
            )
    if loss.likelihood == "gaussian" and loss.sigma <= 0:
        raise UserError(f"loss.sigma={loss.sigma}: must be positive")
    if loss.binarise != "none" and loss.likelihood != "bernoulli":
        raise UserError(
            f"loss.binarise={loss.binarise!r} makes bits, whose likelihood is 'bernoulli', "
            f"not {loss.likelihood!r}"
        )
