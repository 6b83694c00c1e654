"""What a config asks of a GAN: its game, its networks, and which options do not go together."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError, choose
from gen_jax.families import build
from gen_jax.families.networks import Net, Networks
from gen_jax.losses import adversarial
from gen_jax.losses.adversarial import Adversarial
from gen_jax.losses.augmentation import AUGMENTATIONS
from gen_jax.losses.penalties import PENALTIES
from gen_jax.nets.auxiliary import Auxiliary
from gen_jax.nets.layers import DISCRIMINATOR_NORMS
from gen_jax.nets.minibatch import MINIBATCH


class Options(NamedTuple):
    """The config of a GAN as functions and numbers.

    Attributes:
      game: what discriminator and generator pay.
      penalty: of `losses.penalties`, or None; `penalty_weight` multiplies it.
      probabilistic: sigmoid(logit) is the probability that an image is real.
      points: the data are points in the plane, which no tanh bounds.
      noise, categorical, continuous: sizes of the parts of z.
      auxiliary: whether the discriminator names the class, with weight `auxiliary_weight`.
      info_weight: of the codes' negative log-likelihood.
      together: whether the discriminator's outputs depend on the other images of a batch.
      one_pass: whether real and generated images go through the discriminator as one batch.
      clip: bound of the critic's weights; 0 for none.
    """

    game: Adversarial
    penalty: Callable | None
    penalty_weight: float
    probabilistic: bool
    points: bool
    noise: int
    categorical: int
    continuous: int
    auxiliary: bool
    auxiliary_weight: float
    info_weight: float
    n_critic: int
    pack: int
    augment: tuple[str, ...]
    together: bool
    one_pass: bool
    clip: float


def read(config: ConfigDict, spec: DataSpec) -> Options:
    """Raises UserError for options that do not exist or do not go together."""
    loss, judge = config.loss, config.discriminator
    for policy in map(str, judge.augment):
        choose(AUGMENTATIONS, policy, "discriminator.augment")
    choose({"none": None, **MINIBATCH}, judge.minibatch, "discriminator.minibatch")
    choose(dict.fromkeys(("projection", "auxiliary")), judge.label, "discriminator.label")
    penalty = choose({"none": None, **PENALTIES}, loss.penalty, "loss.penalty")
    options = Options(
        game=adversarial.smoothed(loss.adversarial, loss.real_label, loss.fake_label),
        penalty=penalty,
        penalty_weight=loss.penalty_weight,
        probabilistic=loss.adversarial in adversarial.PROBABILISTIC,
        points=bool(spec.modes),
        noise=config.z_dim,
        categorical=config.codes.categorical,
        continuous=config.codes.continuous,
        auxiliary=judge.label == "auxiliary",
        auxiliary_weight=loss.auxiliary_weight,
        info_weight=loss.info_weight,
        n_critic=config.n_critic,
        pack=judge.pack,
        augment=tuple(judge.augment),
        together=looks_across(config),
        one_pass=judge.one_pass,
        clip=judge.clip,
    )
    _check_critic(config)
    _check_data(config, options)
    return options


def looks_across(config: ConfigDict) -> bool:
    """Whether what the discriminator says of an image depends on those beside it."""
    judge = config.discriminator
    return judge.norm == "batch" or judge.minibatch != "none" or judge.pack > 1


def networks(config: ConfigDict, spec: DataSpec, options: Options) -> Networks:
    """Generator and discriminator, and the heads that name classes and codes if there are any."""
    size = options.noise + options.categorical + options.continuous
    nets = {
        "generator": build.generator(config, spec, options.n_critic, size),
        "discriminator": build.discriminator(config, spec),
    }
    if options.auxiliary or options.categorical or options.continuous:
        heads = Auxiliary(
            num_classes=spec.num_classes if options.auxiliary else 0,
            categorical=options.categorical,
            continuous=options.continuous,
        )
        seen = jnp.zeros((1, _features(nets["discriminator"])))
        optimizer = build.optimizer(config, "discriminator", spec)
        nets["auxiliary"] = Net(heads, (seen,), optimizer)
    return Networks(nets, config.ema_decay, ("generator",), config.init_std, config.precision)


def _features(judge: Net) -> int:
    """How many features the discriminator's head sees."""

    def outputs(key):
        return judge.module.init_with_output(key, *judge.inputs)[0]

    return jax.eval_shape(outputs, jax.random.key(0))[1].shape[-1]


def _check_critic(config: ConfigDict) -> None:
    """Constraints on the critic that undo or presuppose each other."""
    loss, judge = config.loss, config.discriminator
    if loss.penalty != "none" and judge.norm == "batch":
        raise UserError(
            f"loss.penalty={loss.penalty!r} bounds the critic's gradient at each image by itself, "
            "and batch norm makes its output depend on the others (Gulrajani et al. 2017, sec. 4); "
            "use discriminator.norm='layer' or 'none'"
        )
    if loss.penalty != "none" and judge.minibatch != "none":
        raise UserError(
            f"loss.penalty={loss.penalty!r} bounds the critic's gradient at each image by itself, "
            f"and discriminator.minibatch={judge.minibatch!r} makes its output depend on the "
            "others; use one of them"
        )
    if loss.penalty != "none" and not loss.penalty_weight:
        raise UserError(f"loss.penalty={loss.penalty!r} with loss.penalty_weight=0 is no penalty")
    heads = {
        "loss.auxiliary_weight": (judge.label == "auxiliary", loss.auxiliary_weight),
        "loss.info_weight": (
            bool(config.codes.categorical or config.codes.continuous),
            loss.info_weight,
        ),
    }
    for key, (asked, weight) in heads.items():
        if asked and not weight:
            raise UserError(f"{key}=0 leaves a head of the discriminator nothing to learn from")
    if judge.minibatch != "none" and judge.pack > 1:
        raise UserError(
            f"discriminator.minibatch={judge.minibatch!r} and discriminator.pack={judge.pack} are "
            "the same cure twice, and packs of a batch overlap when they are judged; use one"
        )
    if judge.one_pass and (judge.norm == "batch" or judge.minibatch != "none"):
        key = "norm" if judge.norm == "batch" else "minibatch"
        raise UserError(
            f"discriminator.one_pass puts real and generated images into one batch, and "
            f"discriminator.{key}={judge[key]!r} makes what is said of one depend on the others; "
            "use one of them"
        )
    if judge.spectral_norm and judge.norm != "none":
        raise UserError(
            "discriminator.spectral_norm bounds how fast the critic's output can change, and "
            f"discriminator.norm={judge.norm!r} divides by a deviation, which undoes it; use one"
        )
    if judge.norm in DISCRIMINATOR_NORMS[1:] and len(judge.widths) < 2:
        raise UserError(
            f"discriminator.norm={judge.norm!r} is never of the first layer, and "
            f"discriminator.widths={tuple(judge.widths)} has no other"
        )
    bounds = {
        "discriminator.clip": judge.clip > 0,
        "discriminator.spectral_norm": judge.spectral_norm,
        "loss.penalty": loss.penalty != "none",
    }
    if judge.clip and sum(bounds.values()) > 1:
        both = " and ".join(name for name, on in bounds.items() if on)
        raise UserError(f"{both} bound the critic's slope twice; keep one of them")
    if loss.adversarial == "wasserstein" and not any(bounds.values()):
        raise UserError(
            "loss.adversarial='wasserstein' needs a critic of bounded slope, or its loss falls for "
            "ever; set loss.penalty='wgan_gp', discriminator.spectral_norm=True or "
            "discriminator.clip=0.01"
        )


def _check_data(config: ConfigDict, options: Options) -> None:
    """Options that the data or the labels leave nothing to do."""
    if options.auxiliary and not config.conditional:
        raise UserError(
            "discriminator.label='auxiliary' names the class a picture was asked of, which "
            "conditional=False withholds; use discriminator.label='projection'"
        )
    if options.pack > 1 and (config.conditional or options.categorical or options.continuous):
        raise UserError(
            f"discriminator.pack={options.pack} goes with conditional=False and no codes, since "
            "the images of a pack would each have a label or a code of their own"
        )
    if config.batch_size % options.pack:
        raise UserError(
            f"batch_size={config.batch_size} is not divisible by discriminator.pack={options.pack}"
        )
    if options.points and config.precision != "float32":
        raise UserError(
            f"precision={config.precision!r}: {config.data.name} has points in the plane, whose "
            "modes are as narrow as its spacing of numbers; leave it at 'float32'"
        )
    if options.augment and options.points:
        raise UserError("discriminator.augment changes pictures; data.name has points in the plane")
    if options.categorical == 1:
        raise UserError("codes.categorical=1: a code of one value says nothing; 0, or 2 or more")
    for section in ("generator", "discriminator"):
        if options.points and config[section].net != "dense":
            raise UserError(
                f"{section}.net={config[section].net!r} takes pictures, not points; use 'dense'"
            )
    if config.data.train_classes:
        raise UserError(
            "data.train_classes: all of the test set's classes are held against a GAN's samples; "
            "leave it out, or use a data set that has those classes alone"
        )
