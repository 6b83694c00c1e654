"""What a discriminator sees of the batch as a whole, so that samples alike give themselves away.

In training the batch is that of all devices; in evaluation, whatever is given at once.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.initializers import lecun_normal
from jaxtyping import Array, Float

from gen_jax.core import parallel

Features = Float[Array, "n f"]


class MinibatchDiscrimination(nn.Module):
    """How close each example is to the others: features [n, f] -> [n, kernels].

    With M_i = features_i T, in `kernels` rows of `size` numbers, example i is told, for each row b,

        o_ib = sum_{j != i} exp(-|M_ib - M_jb|_1)

    (Salimans et al. 2016, sec. 3.2, where j = i adds a constant 1). It is a sum as in the paper: a
    larger batch says more. Rows are of 5 numbers as in the authors' code: distances grow with
    their length, and exp of a large one has no gradient. T is not spectrally normalised.
    """

    kernels: int = 32
    size: int = 5

    @nn.compact
    def __call__(self, features: Features, train: bool) -> Float[Array, "n k"]:
        shape = (features.shape[-1], self.kernels * self.size)
        rows = features @ self.param("kernel", lecun_normal(), shape)
        rows = rows.reshape(-1, self.kernels, self.size)
        # exp(-0) = 1, without gradient, is what an example finds of itself.
        return _closeness(rows, _everyone(self, rows, train)) - 1


class MinibatchStddev(nn.Module):
    """The features' standard deviation over the batch, their mean: [n, f] -> [n, 1].

    The same number for every example (Karras et al. 2018, sec. 3), here of the last features.
    """

    @nn.compact
    def __call__(self, features: Features, train: bool) -> Float[Array, "n 1"]:
        # Without the small number a batch all alike would have an infinite gradient.
        deviation = jnp.sqrt(jnp.var(_everyone(self, features, train), axis=0) + 1e-8)
        return jnp.broadcast_to(jnp.mean(deviation), (len(features), 1))


def _everyone(layer: nn.Module, values: Array, train: bool) -> Array:
    """The batch to look at: of all devices in training."""
    return parallel.gather(values) if train and not layer.is_initializing() else values


def _closeness(rows: Float[Array, "n k s"], everyone: Float[Array, "m k s"]) -> Float[Array, "n k"]:
    """Sum over everyone of exp(-L1 distance), for each row by itself."""

    # One kernel at a time, and again for the gradient: at batch 512 the differences of all pairs
    # for all kernels, forwards and backwards, would take 336 MB instead of 11.
    @jax.checkpoint
    def of_kernel(pair: tuple[Float[Array, "s n"], Float[Array, "s m"]]) -> Float[Array, "n"]:
        own, others = pair
        distances = jnp.sum(jnp.abs(own[:, :, None] - others[:, None]), axis=0)
        return jnp.sum(jnp.exp(-distances), axis=1)

    return jax.lax.map(of_kernel, (rows.transpose(1, 2, 0), everyone.transpose(1, 2, 0))).T


MINIBATCH = {"discrimination": MinibatchDiscrimination, "stddev": MinibatchStddev}
