"""Total correlation of a batch of latents: by sampling (beta-TCVAE) or a discriminator (FactorVAE).

TC(z) = KL(q(z) || prod_k q(z_k)), q(z) = E_x q(z | x) the aggregated posterior.
"""

from math import log
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax.linen import softplus
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Key

from gen_jax.losses.elbo import log_normal

Latents = Float[Array, "b z"]


class Decomposition(NamedTuple):
    """The mean KL(q(z | x) || p(z)) in three, nats (Chen et al. 2018, eq. 2).

    Each is [b]; together they are log q(z | x) - log p(z) at the z given.
    """

    mutual_information: Float[Array, "b"]
    total_correlation: Float[Array, "b"]
    dimension_wise: Float[Array, "b"]


def decompose(
    z: Latents,
    mean: Latents,
    logvar: Latents,
    all_mean: Float[Array, "B z"],
    all_logvar: Float[Array, "B z"],
) -> Decomposition:
    """Minibatch-weighted sampling (Chen et al. 2018, section 4.1 and appendix C.1).

    Densities are means over the batch of B. The paper divides by the size N of the training set
    as well: a constant without gradient, which inflates its total correlation by (z - 1) log N.

    Args:
      z: draws of b examples.
      mean: of the posterior each was drawn from.
      logvar: likewise.
      all_mean: of the posteriors of the whole batch of B, theirs among them.
      all_logvar: likewise.
    """
    pairs = log_normal(z[:, None], all_mean[None], all_logvar[None])  # [b, B, z]
    size = log(len(all_mean))
    log_qz = logsumexp(jnp.sum(pairs, axis=-1), axis=1) - size
    log_each = jnp.sum(logsumexp(pairs, axis=1) - size, axis=-1)
    log_q = jnp.sum(log_normal(z, mean, logvar), axis=-1)
    zero = jnp.zeros_like(z)
    log_p = jnp.sum(log_normal(z, zero, zero), axis=-1)
    return Decomposition(log_q - log_qz, log_qz - log_each, log_each - log_p)


def permute_dimensions(key: Key[Array, ""], z: Latents) -> Latents:
    """Each dimension shuffled over the batch by itself: draws from prod_k q(z_k), nearly.

    Kim & Mnih 2018, algorithm 1. `z` must be the global batch.
    """
    keys = jax.random.split(key, z.shape[1])
    return jax.vmap(jax.random.permutation, in_axes=(0, 1), out_axes=1)(keys, z)


def ratio_loss(joint: Float[Array, "b"], permuted: Float[Array, "b"]) -> Float[Array, "b"]:
    """What FactorVAE's discriminator pays for its logits, nats (Kim & Mnih 2018, algorithm 2).

    Trained so, its logit on z estimates log q(z) - sum_k log q(z_k), whose mean is TC.
    """
    return 0.5 * (softplus(-joint) + softplus(permuted))
