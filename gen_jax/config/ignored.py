"""Keys that nothing would read: set to anything but their default, they are a mistake."""

import fnmatch
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ml_collections import ConfigDict

from gen_jax.config.keys import dotted, to_json
from gen_jax.errors import UserError

_VAE_ONLY = (
    "encoder.dropout",
    "generator.dropout",
    "loss.objective",
    "loss.likelihood",
    "loss.sigma",
    "loss.binarise",
    "loss.num_samples",
    "loss.gamma",
    "loss.kl_schedule",
    "loss.kl_epochs",
    "loss.kl_capacity",
    "loss.free_bits",
    "loss.corruption*",
    "perceptual.*",
)
_HYBRID = (
    "loss.judge_reconstructions",
    "loss.adversarial_to_encoder",
    "loss.lambda_*",
    "loss.prior_weight",
    "loss.vae_epochs",
    "loss.feature_weight",
    "loss.mean_feature_weight",
    "loss.classifier_weight",
)
_GAN_ONLY = (
    "n_critic",
    "codes.*",
    "discriminator.dropout",
    "discriminator.attention",
    "discriminator.label",
    "discriminator.minibatch",
    "discriminator.pack",
    "discriminator.one_pass",
    "discriminator.clip",
    "discriminator.augment",
    "loss.real_label",
    "loss.fake_label",
    "loss.penalty*",
    "loss.auxiliary_weight",
    "loss.info_weight",
)
_CLASSIFIER_ONLY = ("classifier.net", "classifier.blocks", "classifier.augment")
_GENERATIVE = ("z_dim", "label_dim", "conditional", "ema_decay", "encoder.*", "generator.*")
_AUTOENCODING = ("loss.reconstruction_*", "loss.kl_*", "loss.beta", *_HYBRID, *_VAE_ONLY)

IGNORED: dict[str, tuple[str, ...]] = {
    "cvae_gan": (*_VAE_ONLY, *_GAN_ONLY, *_CLASSIFIER_ONLY),
    "vae": (
        *_HYBRID,
        *_GAN_ONLY,
        "init_std",
        "classifier.*",
        "loss.adversarial",
        "discriminator.hidden",
        "discriminator.norm",
    ),
    "gan": (
        *(key for key in _AUTOENCODING if key != "generator.dropout"),
        "encoder.*",
        "classifier.*",
    ),
    "classifier": (
        *_GENERATIVE,
        *_GAN_ONLY,
        "init_std",
        "discriminator.*",
        "loss.*",
        "perceptual.*",
    ),
}
"""Patterns by family."""

IDLE: tuple[tuple[str, dict[str, object]], ...] = (
    ("optimizer.b1", {"optimizer.name": "rmsprop"}),
    ("optimizer.b2", {"optimizer.name": "sgd"}),
    ("optimizer.decay", {"optimizer.decay_epochs": 0.0}),
    ("label_dim", {"conditional": False}),
    ("label_dim", {"family": "gan", "generator.label": "norm"}),
    ("generator.label", {"conditional": False}),
    ("discriminator.hidden", {"discriminator.net": "resnet"}),
    ("loss.adversarial_to_encoder", {"loss.judge_reconstructions": False}),
    ("loss.auxiliary_weight", {"discriminator.label": "projection"}),
    ("loss.info_weight", {"codes.categorical": 0, "codes.continuous": 0}),
    ("loss.penalty_weight", {"loss.penalty": "none"}),
    ("loss.kl_epochs", {"loss.kl_schedule": "constant"}),
    ("loss.corruption_level", {"loss.corruption": "none"}),
    ("loss.kl_reduction", {"loss.objective": "tcvae"}),
    ("loss.kl_reduction", {"loss.objective": "autoencoder"}),
    ("loss.kl_schedule", {"loss.objective": "autoencoder"}),
)
"""Keys that have no effect where others have these values.

Not loss.beta of an autoencoder: every VAE of configs/ sets it, and one line turns each into one.
"""


def reads(family: str, key: str) -> bool:
    """Whether a family reads a dotted key."""
    return not any(fnmatch.fnmatchcase(key, pattern) for pattern in IGNORED.get(family, ()))


def check_ignored(
    config: ConfigDict, base: ConfigDict, saved: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Raises UserError for a key that differs from its default and changes nothing all the same.

    Not for what stands in `saved`, the nested config of the run in the workdir, if there is one.
    """
    defaults, chosen = dotted(base), dotted(config)
    before, now = dotted(dict(saved)), dotted(to_json(config))
    chosen = {
        key: value
        for key, value in chosen.items()
        if value != defaults[key] and (key not in before or before[key] != now[key])
    }
    for key, value in chosen.items():
        if not reads(config.family, key):
            raise UserError(
                f"{key}={value!r}: family {config.family!r} does not read it; leave it at "
                f"{defaults[key]!r}"
            )
    settings = dotted(config)
    for key, others in IDLE:
        if key in chosen and all(settings[other] == value for other, value in others.items()):
            because = " and ".join(f"{other}={value!r}" for other, value in others.items())
            raise UserError(
                f"{key}={chosen[key]!r} has no effect with {because}; leave it at "
                f"{defaults[key]!r}, or change {' or '.join(others)}"
            )
