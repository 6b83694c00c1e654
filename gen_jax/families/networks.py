"""The networks of a conditional VAE-GAN: built from the config, applied to a state, updated."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax import nets
from gen_jax.core import optimizers
from gen_jax.core.state import TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError, choose
from gen_jax.nets.layers import NORMS

Tree = Any
Images = Float[Array, "n h w c"]
Labels = Int[Array, "n"]
Latents = Float[Array, "n z"]


class Networks:
    """Encoder, generator and, where asked for, discriminator and classifier.

    Calls with `train` use batch statistics and return the new running ones; without it they use
    the running ones. BatchNorm in training needs the axis of `parallel.pmap`.
    """

    def __init__(
        self, config: ConfigDict, spec: DataSpec, discriminator: bool, classifier: bool
    ) -> None:
        """Raises UserError for unknown networks and norms, or an image size they cannot halve."""
        for name in ("encoder", "generator"):
            _check_halving(config[name].widths, spec.shape, f"{name}.widths")
            if config[name].norm not in NORMS:
                choose(dict.fromkeys(NORMS), config[name].norm, f"{name}.norm")
        shared = {"num_classes": spec.num_classes, "label_dim": config.label_dim}
        encoder = choose(nets.ENCODERS, config.encoder.net, "encoder.net")
        generator = choose(nets.GENERATORS, config.generator.net, "generator.net")
        self.shape, self.z_dim, self.ema_decay = spec.shape, config.z_dim, config.ema_decay
        self.encoder = encoder(
            tuple(config.encoder.widths), config.z_dim, norm=config.encoder.norm, **shared
        )
        self.generator = generator(
            tuple(config.generator.widths), spec.shape, norm=config.generator.norm, **shared
        )
        self.names = ["encoder", "generator"]
        if discriminator:
            net = choose(nets.DISCRIMINATORS, config.discriminator.net, "discriminator.net")
            widths = tuple(config.discriminator.widths)
            halvings = widths if config.discriminator.net == "conv" else widths[:2]
            _check_halving(halvings, spec.shape, "discriminator.widths")
            self.discriminator = net(
                widths, spec.num_classes, spectral_norm=config.discriminator.spectral_norm
            )
            self.names.append("discriminator")
        if classifier:
            _check_halving(config.classifier.widths, spec.shape, "classifier.widths")
            self.classifier = nets.ConvClassifier(tuple(config.classifier.widths), spec.num_classes)
            self.names.append("classifier")
        betas = (config.optimizer.b1, config.optimizer.b2)
        self.optimizers = {n: optimizers.adam(config[n].lr, *betas) for n in self.names}

    def init(self, key: Key[Array, ""]) -> TrainState:
        """A fresh state; every network draws from its own key."""
        images, labels = jnp.zeros((1, *self.shape)), jnp.zeros((1,), jnp.int32)
        inputs: dict[str, tuple] = {
            "encoder": (images, labels, False),
            "generator": (jnp.zeros((1, self.z_dim)), labels, False),
            "discriminator": (images, labels, False),
            "classifier": (images,),
        }
        params, stats = {}, {}
        for name, net_key in zip(self.names, jax.random.split(key, len(self.names)), strict=True):
            variables = getattr(self, name).init(net_key, *inputs[name])
            params[name] = variables["params"]
            stats[name] = variables.get("batch_stats", {})
        averaged = ("encoder", "generator") if self.ema_decay else ()
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=stats,
            ema={n: {"params": params[n], "batch_stats": stats[n]} for n in averaged},
            opt={n: self.optimizers[n].init(params[n]) for n in self.names},
            extra={},
        )

    def encode(
        self, params: Tree, stats: Tree, images: Images, labels: Labels, train: bool = True
    ) -> tuple[Latents, Latents, Tree]:
        """mean, logvar [n, Z] and the encoder's new statistics."""
        (mean, logvar), stats = _apply(
            self.encoder, params["encoder"], stats["encoder"], (images, labels), train
        )
        return mean, logvar, stats

    def generate(
        self, params: Tree, stats: Tree, z: Latents, labels: Labels, train: bool = True
    ) -> tuple[Images, Tree]:
        """Images [n, H, W, C] and the generator's new statistics."""
        return _apply(self.generator, params["generator"], stats["generator"], (z, labels), train)

    def discriminate(
        self, state: TrainState, images: Images, labels: Labels, train: bool = True
    ) -> tuple[Float[Array, "n"], Float[Array, "n f"], Tree]:
        """Logits, features and the discriminator's new statistics."""
        params, stats = state.params["discriminator"], state.batch_stats["discriminator"]
        (logits, features), stats = _apply(
            self.discriminator, params, stats, (images, labels), train
        )
        return logits, features, stats

    def classify(
        self, params: Tree, images: Images
    ) -> tuple[Float[Array, "n k"], Float[Array, "n f"]]:
        """Class logits and features."""
        return _apply(self.classifier, params, {}, (images,), train=False)[0]

    def update(self, state: TrainState, grads: Tree, stats: Tree) -> TrainState:
        """One optimizer update of every network, then the moving averages."""
        params, opt = {}, {}
        for n in self.names:
            params[n], opt[n] = optimizers.apply(
                self.optimizers[n], grads[n], state.opt[n], state.params[n]
            )
        batch_stats = state.batch_stats | stats
        new = {n: {"params": params[n], "batch_stats": batch_stats[n]} for n in state.ema}
        ema = optimizers.moving_average(state.ema, new, self.ema_decay, state.step)
        return TrainState(state.step + 1, params, batch_stats, ema, opt, state.extra)

    def evaluated(self, state: TrainState) -> tuple[Tree, Tree]:
        """Parameters and statistics to evaluate with: the moving averages where they are kept."""
        params = {n: average["params"] for n, average in state.ema.items()}
        stats = {n: average["batch_stats"] for n, average in state.ema.items()}
        return state.params | params, state.batch_stats | stats


def _apply(module: Any, params: Tree, stats: Tree, args: tuple, train: bool) -> tuple[Any, Tree]:
    variables = {"params": params, "batch_stats": stats}
    if not train:
        return module.apply(variables, *args, False), stats
    out, new = module.apply(variables, *args, True, mutable=["batch_stats"])
    return out, new.get("batch_stats", stats)


def _check_halving(widths: tuple[int, ...], shape: tuple[int, int, int], key: str) -> None:
    times = len(widths)
    if not widths or min(widths) < 1 or any(side % 2**times for side in shape[:2]):
        raise UserError(
            f"{key}={tuple(widths)} halves the image {times} times, which {shape[0]}x{shape[1]} "
            f"pixels do not allow; use fewer widths, or data.image_size={_rounded(shape[0], times)}"
        )


def _rounded(side: int, times: int) -> int:
    return max(1, round(side / 2**times)) * 2**times
