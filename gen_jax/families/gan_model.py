"""The two players of a GAN: draws from the prior, pictures, and what the discriminator says."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from gen_jax.core import keys as key_tree
from gen_jax.core import parallel
from gen_jax.core.state import TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.families import gan_options
from gen_jax.losses.augmentation import augment

Images = Float[Array, "b h w c"]
Inputs = Float[Array, "b h w c"]  # augmented and packed
Labels = Int[Array, "b"]
Latents = Float[Array, "b z"]
Keys = Key[Array, "b"]
Tree = Any


class Draws(NamedTuple):
    """One key per example for everything that is drawn for it."""

    prior: Keys
    generator_dropout: Keys
    real: Keys
    fake: Keys
    penalty: Keys
    again: Keys


def draws(keys: Keys) -> Draws:
    """Splits every example's key."""
    return Draws(*key_tree.split_each(keys, len(Draws._fields)))


class Players:
    """Generator, discriminator and its heads, applied to parameters and statistics by name."""

    def __init__(self, config: ConfigDict, spec: DataSpec, options: gan_options.Options):
        """Raises UserError for networks that cannot be built."""
        self.nets = gan_options.networks(config, spec, options)
        self.options = options
        self.judges = tuple(name for name in self.nets.nets if name != "generator")

    def prior(self, keys: Keys, labels: Labels) -> Latents:
        """z: standard normal noise, then a one-hot code, then codes uniform on [-1, 1]."""
        del labels  # one prior for every class
        options = self.options
        noise_keys, code_keys, uniform_keys = key_tree.split_each(keys, 3)
        parts = [_draw(jax.random.normal, noise_keys, (options.noise,))]
        if options.categorical:
            draw = partial(jax.random.randint, minval=0, maxval=options.categorical)
            parts.append(jax.nn.one_hot(_draw(draw, code_keys, ()), options.categorical))
        if options.continuous:
            draw = partial(jax.random.uniform, minval=-1.0, maxval=1.0)
            parts.append(_draw(draw, uniform_keys, (options.continuous,)))
        return jnp.concatenate(parts, axis=-1)

    def generate(
        self,
        params: Tree,
        stats: Tree,
        z: Latents,
        labels: Labels,
        train: bool = False,
        keys: Keys | None = None,
    ) -> tuple[Images, Tree]:
        """Images, and the generator's new statistics; `keys` are dropout's."""
        outputs, stats = self.nets.apply(
            "generator", params, stats, z, labels, train=train, keys=keys
        )
        return outputs if self.options.points else jnp.tanh(outputs), stats

    def show(self, images: Images, keys: Keys) -> Inputs:
        """What the discriminator is shown of a batch."""
        pack = self.options.pack
        if self.options.augment:
            images = augment(images, keys, self.options.augment)
        if len(images) % pack:
            raise UserError(
                f"{len(images)} images a device do not make packs of {pack}; "
                "use another batch_size or discriminator.pack"
            )
        count, height, width, channels = images.shape
        packs = images.reshape(count // pack, pack, height, width, channels)
        return jnp.moveaxis(packs, 1, 3).reshape(len(packs), height, width, -1)

    def judge(
        self, params: Tree, stats: Tree, inputs: Inputs, labels: Labels, keys: Keys
    ) -> tuple[Float[Array, "b"], dict[str, Array], Tree]:
        """Logits, what the heads say, and new statistics, of inputs in training."""
        packed = slice(None, None, self.options.pack)
        (logits, features), stats = self.nets.apply(
            "discriminator",
            params,
            stats,
            inputs,
            labels[packed],
            train=True,
            keys=keys[packed],
        )
        heads = {}
        if "auxiliary" in self.judges:
            module = self.nets.nets["auxiliary"].module
            heads = module.apply({"params": params["auxiliary"]}, features)
        return logits, heads, stats

    def discriminate(self, state: TrainState, images: Images, labels: Labels) -> Float[Array, "b"]:
        """Logits without augmentation and dropout; image i is the first of its pack."""
        packs = [jnp.roll(images, -i, axis=0) for i in range(self.options.pack)]
        inputs = jnp.concatenate(packs, axis=-1)
        if not self.options.together:
            return self._look(state, inputs, labels, train=False)[0][0]
        # It was trained on batches of one kind, real or generated. Under moments of both kinds, or
        # beside more images than it is used to, its logits are another discriminator's.
        look = parallel.alone(lambda x, y: self._look(state, x, y, train=True)[0][0])
        return look(inputs, labels)

    def features(self, state: TrainState, images: Images) -> tuple[Float[Array, "b i j d"], ...]:
        """The discriminator's feature maps."""
        # A label chooses among the logits, and reaches no feature map.
        labels = jnp.zeros(len(images), jnp.int32)
        return self._look(state, images, labels, train=False)[1]["intermediates"]["maps"]

    def decode(self, state: TrainState, z: Latents, labels: Labels) -> Images:
        """Images of given latents, by the averaged generator where one is kept."""
        params, stats = self.nets.evaluated(state)
        return self.generate(params, stats, z, labels)[0]

    def sample(self, state: TrainState, keys: Keys, labels: Labels) -> Images:
        """Images of latents from the prior."""
        return self.decode(state, self.prior(keys, labels), labels)

    def _look(self, state: TrainState, inputs: Inputs, labels: Labels, train: bool) -> tuple:
        """((logits, features), collections), no dropout; `train` takes the batch's own moments."""
        variables = {
            "params": state.params["discriminator"],
            "batch_stats": state.batch_stats["discriminator"],
        }
        mutable = ["intermediates", "batch_stats"] if train else ["intermediates"]
        module = self.nets.nets["discriminator"].module
        return module.apply(variables, inputs, labels, train, mutable=mutable)


def _draw(draw: Any, keys: Keys, shape: tuple[int, ...]) -> Array:
    """A draw of this shape for every example, from its key."""
    return jax.vmap(lambda key: draw(key, shape=shape))(keys)
