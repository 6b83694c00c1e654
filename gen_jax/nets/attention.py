"""Self-attention over the positions of a feature map (Zhang et al. 2019, "SAGAN")."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gen_jax.nets.layers import Conv


class SelfAttention(nn.Module):
    """Every position adds what it gathers from all others: [n, h, w, c] -> [n, h, w, c].

    With 1x1 convolutions f, g to c/8 channels, h to c/2 and v back to c, position j receives

        o_j = v(sum_i softmax_i(f(x_i) . g(x_j)) h(x_i))        y = gamma o + x

    (eq. 1 to 3). gamma starts at 0: the layer is the identity until it has learnt what to look at.
    Keys and values are of every position; the authors' code, not their equations, pools them 2x2.
    """

    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], train: bool) -> Float[Array, "n h w c"]:
        n, height, width, channels = x.shape

        def project(name: str, features: int, maps: Array) -> Array:
            conv = Conv(max(1, features), size=1, spectral_norm=self.spectral_norm, name=name)
            return conv(maps, train)

        keys, queries, values = (
            project(name, features, x).reshape(n, height * width, -1)
            for name, features in (("f", channels // 8), ("g", channels // 8), ("h", channels // 2))
        )
        scores = jnp.einsum("njd,nid->nji", queries, keys).astype(jnp.float32)
        weights = jax.nn.softmax(scores, axis=-1).astype(x.dtype)
        seen = jnp.einsum("nji,nid->njd", weights, values).reshape(n, height, width, -1)
        gamma = self.param("gamma", nn.initializers.zeros_init(), ())
        return gamma.astype(x.dtype) * project("v", channels, seen) + x
