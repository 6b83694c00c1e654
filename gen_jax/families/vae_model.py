"""The two halves of a VAE put together: from images to codes, draws, likelihoods and back."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.core import keys as key_tree
from gen_jax.data.spec import DataSpec
from gen_jax.families import vae_options
from gen_jax.losses import elbo
from gen_jax.losses.likelihoods import Likelihood

Images = Float[Array, "b h w c"]
Labels = Int[Array, "b"]
Latents = Float[Array, "b z"]
Keys = Key[Array, "b"]
Tree = Any


class Draws(NamedTuple):
    """One key per example for everything that is drawn for it."""

    binarise: Keys
    corrupt: Keys
    noise: Keys
    encoder_dropout: Keys
    generator_dropout: Keys


def draws(keys: Keys) -> Draws:
    """Splits every example's key."""
    return Draws(*key_tree.split_each(keys, len(Draws._fields)))


class Forward(NamedTuple):
    """What a pass through encoder and generator gives.

    Attributes:
      mean, logvar: of q(z | x, y).
      z: k draws per example.
      log_px: log p(x | z, y) of every pixel value at every draw.
      image: the mean of p(x | z, y) at the first draw.
      stats: new batch statistics by network.
    """

    mean: Latents
    logvar: Latents
    z: Float[Array, "k b z"]
    log_px: Float[Array, "k b d"]
    image: Images
    stats: dict[str, Tree]

    def log_weights(self) -> Float[Array, "k b"]:
        """log p(x, z | y) / q(z | x, y) of every draw."""
        density = jax.vmap(elbo.log_normal, in_axes=(0, None, None))
        zero = jnp.zeros_like(self.mean)
        ratio = density(self.z, zero, zero) - density(self.z, self.mean, self.logvar)
        return jnp.sum(self.log_px, axis=-1) + jnp.sum(ratio, axis=-1)

    def log_px_per_example(self) -> Float[Array, "b"]:
        """log p(x | z, y), mean over the draws, nats."""
        return jnp.mean(jnp.sum(self.log_px, axis=-1), axis=0)


class Autoencoder:
    """Encoder, generator and likelihood of a VAE, applied to parameters and statistics by name."""

    def __init__(self, config: ConfigDict, spec: DataSpec, options: vae_options.Options):
        """Raises UserError for networks that cannot be built."""
        self.nets = vae_options.networks(config, spec, options)
        self.options, self.z_dim = options, config.z_dim
        self.likelihood: Likelihood = options.likelihood

    def log_scale(self, params: Tree) -> Float[Array, ""]:
        """log sigma, or whatever the scale of the likelihood is called."""
        if self.likelihood.learned_scale is None:
            return jnp.log(self.options.sigma)
        return params["likelihood"]["log_scale"]

    def observe(self, images: Images, keys: Draws) -> Images:
        """Images as the likelihood takes them."""
        return self.options.binarise(keys.binarise, images) if self.options.binarise else images

    def encode(
        self,
        params: Tree,
        stats: Tree,
        images: Images,
        labels: Labels,
        train: bool = False,
        keys: Keys | None = None,
    ) -> tuple[Latents, Latents, Tree]:
        """mean, logvar and new statistics; `keys` are dropout's."""
        (mean, logvar), new = self.nets.apply(
            "encoder", params, stats, images, labels, train=train, keys=keys
        )
        return mean, jnp.full_like(logvar, -jnp.inf) if self.options.point else logvar, new

    def generate(
        self,
        params: Tree,
        stats: Tree,
        z: Latents,
        labels: Labels,
        train: bool = False,
        keys: Keys | None = None,
    ) -> tuple[Images, Tree]:
        """The likelihood's `outputs` and new statistics."""
        return self.nets.apply("generator", params, stats, z, labels, train=train, keys=keys)

    def log_px(self, params: Tree, outputs: Images, images: Images) -> Float[Array, "b d"]:
        """log p(x | z, y) of every value."""
        log_px = self.likelihood.log_prob(outputs, images, self.log_scale(params))
        return log_px.reshape(len(images), -1)

    def forward(
        self, params: Tree, stats: Tree, images: Images, labels: Labels, keys: Draws, train: bool
    ) -> Forward:
        """Corrupts, encodes, draws and decodes images already observed."""
        seen = self.options.corrupt(keys.corrupt, images) if self.options.corrupt else images
        mean, logvar, encoder_stats = self.encode(
            params, stats, seen, labels, train, keys.encoder_dropout if train else None
        )
        z = self._draw(mean, logvar, keys)
        # All draws in one pass, draw by draw, so that one set of BatchNorm moments serves them.
        drop_keys = None
        if train:
            each = [
                jax.vmap(jax.random.fold_in, (0, None))(keys.generator_dropout, i)
                for i in range(len(z))
            ]
            drop_keys = jnp.concatenate(each)
        outputs, generator_stats = self.generate(
            params, stats, z.reshape(-1, self.z_dim), jnp.tile(labels, len(z)), train, drop_keys
        )
        outputs = outputs.reshape(len(z), *images.shape)
        log_px = jax.vmap(lambda out: self.log_px(params, out, images))(outputs)
        new_stats = {"encoder": encoder_stats, "generator": generator_stats}
        return Forward(mean, logvar, z, log_px, self.likelihood.mean(outputs[0]), new_stats)

    def _draw(self, mean: Latents, logvar: Latents, keys: Draws) -> Float[Array, "k b z"]:
        if self.options.point:
            return mean[None]
        shape = (self.options.num_samples, self.z_dim)
        noise = jax.vmap(partial(jax.random.normal, shape=shape), out_axes=1)(keys.noise)
        return jax.vmap(elbo.reparameterise, in_axes=(None, None, 0))(mean, logvar, noise)
