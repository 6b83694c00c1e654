"""The networks of a conditional VAE-GAN, applied by what they do."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.core import parallel
from gen_jax.core.state import TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.families import build
from gen_jax.families.networks import Networks

Images = Float[Array, "b h w c"]
Labels = Int[Array, "b"]
Latents = Float[Array, "b z"]
Keys = Key[Array, "b"]
Tree = Any


class CvaeGanNetworks(Networks):
    """Encoder, generator and, where asked for, discriminator and classifier.

    Attributes:
      together: whether what the discriminator says of an image depends on those beside it.
    """

    def __init__(
        self, config: ConfigDict, spec: DataSpec, discriminator: bool, classifier: bool
    ) -> None:
        """Raises UserError for unknown networks and norms, or an image size they cannot halve."""
        nets = {"encoder": build.encoder(config, spec), "generator": build.generator(config, spec)}
        if discriminator:
            nets["discriminator"] = build.discriminator(config, spec)
        if classifier:
            nets["classifier"] = build.classifier(config, spec)
        self.together = config.discriminator.norm == "batch"
        averaged = ("encoder", "generator")
        super().__init__(nets, config.ema_decay, averaged, config.init_std, config.precision)
        self.z_dim = config.z_dim

    def draw(self, keys: Keys) -> tuple[Latents, Latents]:
        """The posterior's noise and z of the prior, for each example from its key."""
        noise = jax.vmap(partial(jax.random.normal, shape=(2, self.z_dim)))(keys)
        return noise[:, 0], noise[:, 1]

    def encode(
        self, params: Tree, stats: Tree, images: Images, labels: Labels, train: bool = True
    ) -> tuple[Latents, Latents, Tree]:
        """mean, logvar [n, Z] and the encoder's new statistics."""
        (mean, logvar), stats = self.apply("encoder", params, stats, images, labels, train=train)
        return mean, logvar, stats

    def generate(
        self, params: Tree, stats: Tree, z: Latents, labels: Labels, train: bool = True
    ) -> tuple[Images, Tree]:
        """Images [n, H, W, C] and the generator's new statistics."""
        outputs, stats = self.apply("generator", params, stats, z, labels, train=train)
        return jnp.tanh(outputs), stats

    def discriminate(
        self, state: TrainState, images: Images, labels: Labels, train: bool = True
    ) -> tuple[Float[Array, "b"], Float[Array, "b f"], Tree]:
        """Logits, features and the discriminator's new statistics."""
        (logits, features), stats = self.apply(
            "discriminator", state.params, state.batch_stats, images, labels, train=train
        )
        return logits, features, stats

    def judge(
        self, state: TrainState, images: Images, labels: Labels
    ) -> tuple[Float[Array, "b"], Float[Array, "b f"]]:
        """Logits and features in evaluation.

        With batch norm, of these images as one batch: under running moments, which are of real and
        generated images both, the discriminator would be another than the one that was trained.
        """
        if not self.together:
            return self.discriminate(state, images, labels, train=False)[:2]
        return parallel.alone(lambda x, y: self.discriminate(state, x, y)[:2])(images, labels)

    def classify(
        self, params: Tree, images: Images
    ) -> tuple[Float[Array, "b k"], Float[Array, "b f"]]:
        """Class logits and features, of the classifier's own parameters."""
        stats: dict[str, Tree] = {"classifier": {}}
        return self.apply("classifier", {"classifier": params}, stats, images, train=False)[0]
