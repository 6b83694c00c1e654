"""What a config asks of a conditional VAE-GAN: its terms, and which options do not go together."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Array, Float
from ml_collections import ConfigDict

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError, choose
from gen_jax.families import build
from gen_jax.losses import adversarial, elbo
from gen_jax.losses.adversarial import Adversarial

Images = Float[Array, "b h w c"]


class Options(NamedTuple):
    """The config's `loss` as functions and numbers; weights have the names they have there.

    Attributes:
      reduce_pixels, reduce_latent: sum or mean, of squared errors and of nats.
      game: what discriminator and generator pay.
      relative: whether lambda_adv is relative to the reconstruction's pull.
      judged: whether any term asks for the discriminator.
      classified: whether any term asks for the classifier.
      vae_steps, ramp_steps: how long lambda is 0, and how long it then grows.
    """

    reduce_pixels: Callable[..., Array]
    reduce_latent: Callable[..., Array]
    game: Adversarial
    relative: bool
    judged: bool
    classified: bool
    vae_steps: int
    ramp_steps: int
    reconstruction_weight: float
    beta: float
    lambda_adv: float
    prior_weight: float
    judge_reconstructions: bool
    adversarial_to_encoder: bool
    feature_weight: float
    mean_feature_weight: float
    classifier_weight: float

    def reconstruction(self, outputs: Images, images: Images) -> Float[Array, "b"]:
        """reconstruction_weight * R(|x - x~|^2)."""
        error = self.reduce_pixels(elbo.squared_error(outputs, images), axis=-1)
        return self.reconstruction_weight * error

    def kl(self, mean: Float[Array, "b z"], logvar: Float[Array, "b z"]) -> Float[Array, "b"]:
        """K(KL(q(z | x, y) || N(0, I))), without beta."""
        return self.reduce_latent(elbo.kl_standard_normal(mean, logvar), axis=-1)

    def shown(self, near: Array, free: Array) -> dict[str, Array]:
        """Reconstructions and prior samples by name, as far as the discriminator judges them."""
        return (
            {"reconstructed": near, "prior": free}
            if self.judge_reconstructions
            else {"prior": free}
        )

    def adversarial(self, paid: dict[str, Array]) -> Array:
        """What is paid for each kind of picture, as one, before lambda."""
        weighted = self.prior_weight * paid["prior"]
        if self.judge_reconstructions:
            weighted = paid["reconstructed"] + weighted
        return weighted / 2


def read(config: ConfigDict, spec: DataSpec) -> Options:
    """Raises UserError for options that do not exist or do not go together."""
    loss = config.loss
    options = Options(
        reduce_pixels=choose(
            elbo.REDUCTIONS, loss.reconstruction_reduction, "loss.reconstruction_reduction"
        ),
        reduce_latent=choose(elbo.REDUCTIONS, loss.kl_reduction, "loss.kl_reduction"),
        game=choose(adversarial.ADVERSARIAL, loss.adversarial, "loss.adversarial"),
        relative=choose({"fixed": False, "relative": True}, loss.lambda_mode, "loss.lambda_mode"),
        judged=max(loss.lambda_adv, loss.feature_weight, loss.mean_feature_weight) > 0,
        classified=loss.classifier_weight > 0,
        vae_steps=build.epochs_in_steps(config, spec, loss.vae_epochs),
        ramp_steps=build.epochs_in_steps(config, spec, loss.lambda_ramp_epochs),
        reconstruction_weight=loss.reconstruction_weight,
        beta=loss.beta,
        lambda_adv=loss.lambda_adv,
        prior_weight=loss.prior_weight,
        judge_reconstructions=loss.judge_reconstructions,
        adversarial_to_encoder=loss.adversarial_to_encoder,
        feature_weight=loss.feature_weight,
        mean_feature_weight=loss.mean_feature_weight,
        classifier_weight=loss.classifier_weight,
    )
    if options.relative and options.lambda_adv and not options.reconstruction_weight:
        raise UserError(
            "loss.lambda_mode='relative' weighs against the reconstruction term, which "
            "loss.reconstruction_weight=0 removes; use loss.lambda_mode='fixed'"
        )
    if loss.adversarial == "wasserstein" and not config.discriminator.spectral_norm:
        raise UserError(
            "loss.adversarial='wasserstein' needs a critic of bounded slope, or its loss falls for "
            "ever; set discriminator.spectral_norm=True"
        )
    return options
