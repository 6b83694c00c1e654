"""From the config to networks: each builder reads one section and says what is wrong with it."""

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array
from ml_collections import ConfigDict

from gen_jax import nets
from gen_jax.core import optimizers
from gen_jax.data.batches import num_steps
from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError, choose
from gen_jax.families.networks import Net
from gen_jax.nets.layers import ACTIVATIONS, DISCRIMINATOR_NORMS, NORMS


def encoder(config: ConfigDict, spec: DataSpec, draws: int = 1) -> Net:
    """q(z | x, y)."""
    net = choose(nets.ENCODERS, config.encoder.net, "encoder.net")
    module = net(z_dim=config.z_dim, **_fields("encoder", config, spec))
    return Net(module, (*_example(spec), False), optimizer(config, "encoder", spec, draws))


def generator(config: ConfigDict, spec: DataSpec, draws: int = 1, size: int = 0) -> Net:
    """p(x | z, y), z of `size` dimensions (0: of `z_dim`)."""
    section = config.generator
    net = choose(nets.GENERATORS, section.net, "generator.net")
    choose(ACTIVATIONS, section.activation, "generator.activation")
    fields = _fields("generator", config, spec) | {"activation": section.activation}
    if choose({"input": False, "norm": True}, section.label, "generator.label"):
        if section.norm != "conditional_batch":
            raise UserError(
                f"generator.label='norm' needs generator.norm='conditional_batch'; with "
                f"{section.norm!r} the generator would not see the label at all"
            )
        fields["label_dim"] = 0
    if section.net != "dense":
        # The last convolution of "conv" makes the image, which has no feature maps to attend.
        halvings = range(0 if section.net == "resnet" else 1, len(section.widths) + 1)
        sides = [spec.shape[0] // 2**i for i in halvings]
        fields["attention"] = _attention("generator", section.attention, sides)
    elif section.attention:
        raise UserError(f"generator.attention={section.attention}: {section.net!r} has no maps")
    module = net(shape=spec.shape, **fields)
    inputs = (jnp.zeros((1, size or config.z_dim)), _example(spec)[1], False)
    return Net(module, inputs, optimizer(config, "generator", spec, draws))


def discriminator(config: ConfigDict, spec: DataSpec) -> Net:
    """D(x, y), or D(x) for networks that see no label, or only name it."""
    section = config.discriminator
    net = choose(nets.DISCRIMINATORS, section.net, "discriminator.net")
    widths, (height, width, channels) = tuple(section.widths), spec.shape
    fields = {
        "widths": widths,
        "num_classes": num_classes(config, spec) if section.label == "projection" else 0,
        "spectral_norm": section.spectral_norm,
        "norm": section.norm,
        "dropout": section.dropout,
        "minibatch": section.minibatch,
    }
    if section.net == "dense":
        check_dense(widths, "discriminator.widths")
        if section.attention:
            raise UserError(f"discriminator.attention={section.attention}: 'dense' has no maps")
    else:
        halvings = widths if section.net == "conv" else widths[:2]
        check_halving(halvings, spec.shape, "discriminator.widths")
        if min(widths) < 1:
            raise UserError(f"discriminator.widths={widths}: needs channels in each layer")
        sides = [height // 2**i for i in range(1, len(halvings) + 1)]
        fields["attention"] = _attention("discriminator", section.attention, sides)
    if section.net != "resnet":
        fields["hidden"] = section.hidden
    choose(dict.fromkeys(DISCRIMINATOR_NORMS), section.norm, "discriminator.norm")
    images = jnp.zeros((1, height, width, channels * section.pack))
    inputs = (images, _example(spec)[1], False)
    return Net(net(**fields), inputs, optimizer(config, "discriminator", spec))


def classifier(config: ConfigDict, spec: DataSpec) -> Net:
    """The classifier of Bao et al. 2017."""
    widths = tuple(config.classifier.widths)
    check_halving(widths, spec.shape, "classifier.widths")
    module = nets.ConvClassifier(widths, spec.num_classes)
    return Net(module, _example(spec)[:1], optimizer(config, "classifier", spec))


def optimizer(
    config: ConfigDict, name: str, spec: DataSpec, draws: int = 1
) -> optax.GradientTransformation:
    """The optimizer of `config.optimizer` at the learning rate of section `name`.

    `draws` is how many batches the run consumes for one update of this network.
    """
    section = config.optimizer
    choose(optimizers.OPTIMIZERS, section.name, "optimizer.name")
    choose(optimizers.DECAYS, section.decay, "optimizer.decay")
    return optimizers.make(
        section.name,
        config[name].lr,
        section.b1,
        section.b2,
        section.weight_decay,
        epochs_in_steps(config, spec, section.decay_epochs, draws),
        section.decay,
    )


def epochs_in_steps(config: ConfigDict, spec: DataSpec, epochs: float, draws: int = 1) -> int:
    """Steps that so many epochs take, at most as many as a step can count to."""
    return min(num_steps(spec.num_examples, config.batch_size, draws, epochs), 2**31 - 1)


def num_classes(config: ConfigDict, spec: DataSpec) -> int:
    """Classes the networks are told of; 0 where they see no label."""
    return spec.num_classes if config.conditional else 0


def check_halving(
    widths: tuple[int, ...], shape: tuple[int, int, int], key: str, times: int | None = None
) -> None:
    """Raises UserError unless images of this shape can be halved once per width, or `times`."""
    times = len(widths) if times is None else times
    if not widths or min(widths) < 1:
        raise UserError(f"{key}={tuple(widths)}: needs a layer, and channels in each")
    if any(side % 2**times for side in shape[:2]):
        raise UserError(
            f"{key}={tuple(widths)} halves the image {times} times, which {shape[0]}x{shape[1]} "
            f"pixels do not allow; use fewer widths, or data.image_size={_rounded(shape[0], times)}"
        )


def check_dense(widths: tuple[int, ...], key: str) -> None:
    """Raises UserError for a dense network without a hidden layer."""
    if not widths or min(widths) < 1:
        raise UserError(f"{key}={widths}: a dense network needs a hidden layer")


def _attention(name: str, side: int, sides: list[int]) -> int:
    """The side, known to be one that the network's feature maps have; 0 is none."""
    if side and side not in sides:
        known = ", ".join(map(str, sides))
        raise UserError(f"{name}.attention={side}: its feature maps have sides {known}")
    return side


def _fields(name: str, config: ConfigDict, spec: DataSpec) -> dict[str, Any]:
    """What encoder and generator modules of every kind take."""
    section, classes = config[name], num_classes(config, spec)
    widths = tuple(section.widths)
    if section.net == "dense":
        check_dense(widths, f"{name}.widths")
    else:
        check_halving(widths, spec.shape, f"{name}.widths")
    if section.norm not in NORMS:
        choose(dict.fromkeys(NORMS), section.norm, f"{name}.norm")
    if section.norm == "conditional_batch" and not classes:
        raise UserError(
            f"{name}.norm='conditional_batch' needs labels, which conditional=False withholds; "
            f"use {name}.norm='batch'"
        )
    return {
        "widths": widths,
        "num_classes": classes,
        "label_dim": config.label_dim,
        "norm": section.norm,
        "hidden": section.hidden,
        "dropout": section.dropout,
    }


def _example(spec: DataSpec) -> tuple[Array, Array]:
    """One image and label to initialise with."""
    return jnp.zeros((1, *spec.shape)), jnp.zeros((1,), jnp.int32)


def _rounded(side: int, times: int) -> int:
    return max(1, round(side / 2**times)) * 2**times
