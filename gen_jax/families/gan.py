"""Generative adversarial networks, from the fully connected GAN to spectral norm and projection.

Goodfellow et al. 2014. With z from the prior, labels y of the batch (where networks see them) and
x' = generator(z, y), a step updates the discriminator `n_critic` times, each time on fresh x and
fresh z, by the gradient of the batch mean of

    real(D(x, y)) + fake(D(x', y))              `loss.adversarial`, with its labels smoothed or not
    + penalty_weight * penalty(D; x, x')        `loss.penalty`
    + auxiliary_weight * (-log p(y | x) - log p(y | x'))     ACGAN (Odena et al. 2017, eq. 3)
    - info_weight * log q(c | x')               InfoGAN (Chen et al. 2016, eq. 5), c the codes in z

and then, once, the generator, on the last x' and against the updated discriminator, by that of

    generator(D(x', y)) - auxiliary_weight * log p(y | x') - info_weight * log q(c | x')

p(y | x) and q(c | x) are heads on the discriminator's last features, trained with it. What
the discriminator is shown, by anyone, has passed through `discriminator.augment` and, `pack` at a
time, been stacked as channels; the penalty is of its gradient at exactly that.

`loss/discriminator` and `loss/generator` are logged without the terms beside the game, which have
lines of their own, weighted.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from gen_jax.core import optimizers, parallel
from gen_jax.core.state import Family, TrainState
from gen_jax.data.spec import DataSpec
from gen_jax.families import gan_options
from gen_jax.families.gan_model import Draws, Images, Keys, Labels, Latents, Players, draws
from gen_jax.losses import adversarial

Scalars = dict[str, Float[Array, ""]]
Tree = Any


def make(config: ConfigDict, spec: DataSpec) -> Family:
    """Builds the family; raises UserError for options that do not exist or do not go together."""
    options = gan_options.read(config, spec)
    players = Players(config, spec, options)
    nets, game = players.nets, options.game

    def named(heads: dict[str, Array], labels: Labels) -> Scalars:
        """-log p(y | x), weighted batch mean; nothing without that head."""
        if not options.auxiliary:
            return {}
        cross_entropy = optax.softmax_cross_entropy_with_integer_labels(heads["class"], labels)
        return {"auxiliary": options.auxiliary_weight * jnp.mean(cross_entropy)}

    def informed(heads: dict[str, Array], z: Latents) -> Scalars:
        """-log q(c | x'), weighted batch mean; nothing without codes."""
        nats = []
        codes, values = jnp.split(z[:, options.noise :], [options.categorical], axis=-1)
        if options.categorical:
            nats.append(optax.softmax_cross_entropy(heads["categorical"], codes))
        if options.continuous:
            # A Gaussian of variance 1, its constant left out.
            nats.append(0.5 * jnp.sum(jnp.square(values - heads["continuous"]), axis=-1))
        return {"info": options.info_weight * jnp.mean(sum(nats))} if nats else {}

    def critic_loss(
        params: Tree,
        state: TrainState,
        images: Images,
        fakes: Images,
        y: Labels,
        z: Latents,
        k: Draws,
    ) -> tuple[Float[Array, ""], tuple[Scalars, Scalars, Tree]]:
        """The discriminator's objective: value, (its terms, what it said, new statistics)."""
        inputs, fake_inputs = players.show(images, k.real), players.show(fakes, k.fake)
        before = state.batch_stats
        if options.one_pass:
            shown = jnp.concatenate([inputs, fake_inputs])
            twice, both_keys = jnp.concatenate([y, y]), jnp.concatenate([k.real, k.fake])
            *outputs, stats = players.judge(params, before, shown, twice, both_keys)
            halves = jax.tree.map(lambda out: jnp.split(out, 2), outputs)
            (real, fake), both_heads = halves[0], halves[1]
            heads, fake_heads = ({n: half[i] for n, half in both_heads.items()} for i in (0, 1))
        else:
            real, heads, stats = players.judge(params, before, inputs, y, k.real)
            fake, fake_heads, fake_stats = players.judge(params, before, fake_inputs, y, k.fake)
            # Running moments are of real and generated images; power iterations of both agree.
            stats = jax.tree.map(lambda a, b: (a + b) / 2, stats, fake_stats)
        # 1. The game.
        terms = {"discriminator": jnp.mean(game.real(real)) + jnp.mean(game.fake(fake))}
        # 2. The penalty of the critic as a function of what it is shown: the one that judged the
        #    real images, with the masks its dropout had for them.
        if options.penalty is not None:
            critic = lambda x: players.judge(params, before, x, y, k.real)[0]  # noqa: E731
            packed_keys = k.penalty[:: options.pack]
            deviation = _deviation(inputs)
            sizes = options.penalty(critic, inputs, fake_inputs, packed_keys, deviation)
            terms["penalty"] = options.penalty_weight * jnp.mean(sizes)
        # 3. Classes and codes.
        terms |= jax.tree.map(jnp.add, named(heads, y), named(fake_heads, y))
        terms |= informed(fake_heads, z)
        said = {"d/real": jnp.mean(real), "d/fake": jnp.mean(fake)}
        if game.boundary is not None:
            said["d/accuracy_real"] = jnp.mean(real > game.boundary)
            said["d/accuracy_fake"] = jnp.mean(fake < game.boundary)
        if options.probabilistic:
            both = jnp.concatenate([real, fake])
            said["d/confidence"] = jnp.mean(adversarial.confidence(both))
            excess = [adversarial.overconfidence(x, y) for x, y in ((real, True), (fake, False))]
            said["d/overconfidence"] = jnp.mean(jnp.concatenate(excess))
        return _total(terms), (terms, said, stats)

    def step(
        state: TrainState, batch: Any, keys: Key[Array, "draws b"], key: Key[Array, ""]
    ) -> tuple[TrainState, Scalars]:
        del key  # nothing here concerns the batch as a whole
        for draw in range(options.n_critic):
            k = draws(keys[draw])
            images, y = batch["image"][draw], batch["label"][draw]
            z = players.prior(k.prior, y)

            # 1. Generate; `pullback` takes a gradient at the images back to the generator.
            def forge(generator, z=z, y=y, k=k, stats=state.batch_stats):
                return players.generate(
                    {"generator": generator}, stats, z, y, True, k.generator_dropout
                )

            fakes, pullback, new_stats = jax.vjp(forge, state.params["generator"], has_aux=True)

            # 2. Update the discriminator and its heads.
            gradient = jax.value_and_grad(critic_loss, has_aux=True)
            judging = {name: state.params[name] for name in players.judges}
            (_, (terms, said, stats)), grads = gradient(judging, state, images, fakes, y, z, k)
            critic_grads = parallel.pmean(grads)
            state = nets.descend(state, critic_grads, {"discriminator": stats})
            if options.clip:
                state = _clipped(state, options.clip)

        # 3. Update the generator, by the pull of its loss at the images.
        def generator_loss(fakes):
            inputs = players.show(fakes, k.again)
            logits, heads, _ = players.judge(state.params, state.batch_stats, inputs, y, k.again)
            own = {"generator": jnp.mean(game.generator(logits))}
            slope = jnp.mean(adversarial.slope(game, logits))
            return _total(own | named(heads, y) | informed(heads, z)), (own, slope)

        (_, (own, said["g/slope"])), pull = jax.value_and_grad(generator_loss, has_aux=True)(fakes)
        generator_grads = parallel.pmean(pullback(pull)[0])
        state = nets.update(state, {"generator": generator_grads}, {"generator": new_stats})

        metrics = parallel.pmean({f"loss/{n}": v for n, v in (terms | own).items()} | said)
        # The judges' heads learn with the discriminator, as one player.
        norms = optimizers.norms({"generator": generator_grads, "discriminator": critic_grads})
        ratio = norms["grad/generator"] / (norms["grad/discriminator"] + 1e-12)
        metrics |= norms | {"grad_ratio": ratio}
        return state, metrics | _singular_values(state.batch_stats["discriminator"])

    def metrics(state: TrainState, batch: Any, keys: Keys) -> dict[str, Float[Array, "b"]]:
        """Logits of each image and of a sample of its class, and what both players pay for them.

        What a discriminator sees of other images, it sees of those given here, each kind apart.
        """
        images, labels = batch["image"], batch["label"]
        real = players.discriminate(state, images, labels)
        fake = players.discriminate(state, players.sample(state, keys, labels), labels)
        return {
            "d/real": real,
            "d/fake": fake,
            "loss/generator": game.generator(fake),
            "loss/discriminator": game.real(real) + game.fake(fake),
        }

    has_maps = config.discriminator.net != "dense" and options.pack == 1
    return Family(
        nets.init,
        step,
        options.n_critic,
        metrics,
        players.sample,
        decode=players.decode,
        prior=players.prior,
        features=players.features if has_maps else None,
        best=None,
    )


def _total(terms: Scalars) -> Float[Array, ""]:
    return sum(terms.values(), start=jnp.zeros(()))


def _deviation(images: Images) -> Float[Array, ""]:
    """Standard deviation of all values of the global batch."""
    values = images.reshape(len(images), -1)
    mean = parallel.mean(jnp.mean(values, axis=-1))
    return jnp.sqrt(parallel.mean(jnp.mean(jnp.square(values - mean), axis=-1)))


def _clipped(state: TrainState, bound: float) -> TrainState:
    """The critic's every weight within [-bound, bound] (Arjovsky et al. 2017, algorithm 1)."""
    critic = jax.tree.map(lambda w: jnp.clip(w, -bound, bound), state.params["discriminator"])
    return state._replace(params=state.params | {"discriminator": critic})


def _singular_values(stats: Tree) -> Scalars:
    """The largest singular value of each spectrally normalised layer: {"sigma/Conv_0": ...}."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(stats)
    found = {}
    for path, leaf in leaves:
        *layer, name = [entry.key for entry in path]
        if name == "sigma":
            found["sigma/" + "/".join(layer)] = leaf
    return found
