"""A trained conditional VAE-GAN: codes, pictures, and its objective on images held out."""

from functools import reduce
from operator import add

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from gen_jax.core.state import TrainState
from gen_jax.families.cvae_gan_networks import CvaeGanNetworks
from gen_jax.families.cvae_gan_options import Options
from gen_jax.losses import elbo, matching

Images = Float[Array, "b h w c"]
Labels = Int[Array, "b"]
Latents = Float[Array, "b z"]
Keys = Key[Array, "b"]


class Evaluation:
    """Networks under running moments and moving averages; only discriminators see batches."""

    def __init__(self, nets: CvaeGanNetworks, options: Options) -> None:
        self.nets, self.options = nets, options

    def encode(self, state: TrainState, images: Images, labels: Labels) -> tuple[Latents, Latents]:
        """Mean and log variance of q(z | x, y)."""
        params, stats = self.nets.evaluated(state)
        return self.nets.encode(params, stats, images, labels, train=False)[:2]

    def decode(self, state: TrainState, z: Latents, labels: Labels) -> Images:
        """Images of given latents."""
        params, stats = self.nets.evaluated(state)
        return self.nets.generate(params, stats, z, labels, train=False)[0]

    def sample(self, state: TrainState, keys: Keys, labels: Labels) -> Images:
        """Images of latents from the prior."""
        return self.decode(state, self.nets.draw(keys)[1], labels)

    def metrics(
        self, state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> dict[str, Float[Array, "b"]]:
        """Terms per example: `mse` of the decoded posterior mean, the losses at a drawn z.

        Mean feature matching is a statement about batches and has no value per example.
        """
        nets, options, game = self.nets, self.options, self.options.game
        images, labels = batch["image"], batch["label"]
        noise, prior = nets.draw(keys)
        mean, logvar = self.encode(state, images, labels)
        drawn = self.decode(state, elbo.reparameterise(mean, logvar, noise), labels)
        decoded = self.decode(state, mean, labels)
        squared = jnp.mean(elbo.squared_error(decoded, images), axis=-1)
        out = {
            "mse": squared,
            "psnr": elbo.psnr(squared),
            "kl": jnp.sum(elbo.kl_standard_normal(mean, logvar), axis=-1),
            "loss/reconstruction": options.reconstruction(drawn, images),
            "loss/kl": options.beta * options.kl(mean, logvar),
        }
        if options.judged:
            real = nets.judge(state, images, labels)[0]
            shown = options.shown(drawn, self.decode(state, prior, labels))
            d = {name: nets.judge(state, x, labels)[0] for name, x in shown.items()}
            out |= {f"d/{name}": logits for name, logits in ({"real": real} | d).items()}
            out["loss/adversarial"] = options.adversarial(jax.tree.map(game.generator, d))
            paid = [game.fake(logits) for logits in d.values()]
            out["loss/discriminator"] = game.real(real) + reduce(add, paid) / len(paid)
        if options.feature_weight > 0:
            f, f_near = (nets.judge(state, x, labels)[1] for x in (images, drawn))
            out["loss/features"] = options.feature_weight * matching.pairwise(f, f_near)
        if options.classified:
            classifier = state.params["classifier"]
            (logits, g), (_, g_near) = (nets.classify(classifier, x) for x in (images, drawn))
            out["loss/classifier"] = options.classifier_weight * matching.pairwise(g, g_near)
            out["loss/cross_entropy"] = optax.softmax_cross_entropy_with_integer_labels(
                logits, labels
            )
        return out
