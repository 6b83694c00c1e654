"""Layers the networks share: convolutions, dense layers and embeddings, spectral and batch norm.

Parameters and statistics are float32. A layer computes in the precision of its input: what it is
given in bfloat16 it multiplies in bfloat16 and gives in bfloat16; sums of norms and of biases'
gradients are float32 all the same.
"""

import zlib

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.initializers import lecun_normal, normal, zeros_init
from jaxtyping import Array, Float, Int, Key

from gen_jax.core import sums
from gen_jax.core.xla import on_cpu
from gen_jax.nets import strided
from gen_jax.nets.batch_norm import BatchNorm


def leaky_relu(x: Array) -> Array:
    """Leaky ReLU with DCGAN's slope 0.2 (Radford et al. 2015)."""
    return nn.leaky_relu(x, 0.2)


ACTIVATIONS = {"relu": nn.relu, "leaky_relu": leaky_relu}


def spectral_normalise(
    module: nn.Module, kernel: Float[Array, "... d"], train: bool
) -> Float[Array, "... d"]:
    """The kernel divided by an estimate of its largest singular value.

    One power iteration per call from a vector carried in `batch_stats` (Miyato et al. 2018,
    algorithm 1), stored when `train`, the estimate beside it as `sigma`; no gradient flows through
    the singular vectors. The matrix is the kernel with all but its last axis flattened.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])

    def unit(vector):
        return vector / (jnp.linalg.norm(vector) + 1e-12)

    right = module.variable(
        "batch_stats",
        "right_singular",
        lambda: unit(jax.random.normal(module.make_rng("params"), kernel.shape[-1:])),
    )
    fixed = jax.lax.stop_gradient(matrix)
    left = unit(fixed @ right.value)
    new_right = unit(fixed.T @ left)
    sigma = left @ matrix @ new_right
    estimate = module.variable("batch_stats", "sigma", jax.lax.stop_gradient, sigma)
    if train and not module.is_initializing():
        right.value = new_right
        estimate.value = jax.lax.stop_gradient(sigma)
    return kernel / sigma


@jax.custom_vjp
def product(x: Float[Array, "n c"], kernel: Float[Array, "c d"]) -> Float[Array, "n d"]:
    """x @ kernel, whose gradient in x XLA:CPU is fast at, too."""
    return x @ kernel


def _product_pullback(
    saved: tuple[Array, Array], out: Float[Array, "n d"]
) -> tuple[Float[Array, "n c"], Float[Array, "c d"]]:
    x, kernel = saved
    if not on_cpu():
        return out @ kernel.T, x.T @ out
    # `out @ kernel.T` takes five times as long where c is large (`benchmarks/sums.py`). The barrier
    # keeps XLA from making that of it.
    return jax.lax.optimization_barrier(kernel @ out.T).T, x.T @ out


product.defvjp(lambda x, kernel: (x @ kernel, (x, kernel)), _product_pullback)


class Dense(nn.Module):
    """Affine map [n, c] -> [n, features], optionally spectrally normalised."""

    features: int
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "n c"], train: bool = False) -> Float[Array, "n d"]:
        kernel = self.param("kernel", lecun_normal(), (x.shape[-1], self.features))
        bias = self.param("bias", zeros_init(), (self.features,))
        if self.spectral_norm:
            kernel = spectral_normalise(self, kernel, train)
        return _biased(product(x, kernel.astype(x.dtype)), bias)


class Conv(nn.Module):
    """SAME convolution [n, h, w, c] -> [n, h / stride, w / stride, features].

    Stride 2 is `strided.down` (4x4 kernel, even sides); stride 1 takes any odd `size`.
    """

    features: int
    size: int = 3
    stride: int = 1
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], train: bool = False) -> Float[Array, "n i j d"]:
        size = strided.SIZE if self.stride == 2 else self.size
        kernel = self.param("kernel", lecun_normal(), (size, size, x.shape[-1], self.features))
        bias = self.param("bias", zeros_init(), (self.features,))
        if self.spectral_norm:
            kernel = spectral_normalise(self, kernel, train)
        kernel = kernel.astype(x.dtype)
        if self.stride == 2:
            out = strided.down(x, kernel)
        else:
            layout = ("NHWC", "HWIO", "NHWC")
            out = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)
        return _biased(out, bias)


class ConvTranspose(nn.Module):
    """Stride-2 transposed convolution, 4x4: [n, h, w, c] -> [n, 2h, 2w, features]."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n i j d"]:
        # The kernel is stored as the convolution's it transposes: [4, 4, features, c]. An output
        # pixel meets 2x2 of its taps, which is the fan-in that keeps the variance.
        scale = (4 * x.shape[-1]) ** -0.5
        kernel = self.param("kernel", normal(scale), (4, 4, self.features, x.shape[-1]))
        bias = self.param("bias", zeros_init(), (self.features,))
        return _biased(strided.up(x, kernel.astype(x.dtype)), bias)


class Embed(nn.Module):
    """A learned vector per class, from N(0, 1): int32 [n] -> [n, features]."""

    num_classes: int
    features: int

    @nn.compact
    def __call__(self, labels: Int[Array, "n"]) -> Float[Array, "n d"]:
        table = self.param("table", normal(1.0), (self.num_classes, self.features))
        return table[labels]


class Projection(nn.Module):
    """<w_y, x>, a learned vector w per class (Miyato & Koyama 2018): [n, d], int32 [n] -> [n].

    Optionally spectrally normalised. It is the output of a dense layer that a label chooses, and
    starts as one: from N(0, 1), as embeddings do, it would drown what a critic says of all classes
    alike by a factor of sqrt(d), for thousands of steps at Adam's usual rates.
    """

    num_classes: int
    spectral_norm: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "n d"], labels: Int[Array, "n"], train: bool = False
    ) -> Float[Array, "n"]:
        kernel = self.param("kernel", lecun_normal(), (x.shape[-1], self.num_classes))
        if self.spectral_norm:
            kernel = spectral_normalise(self, kernel, train)
        return jnp.sum(kernel.T[labels] * x, axis=-1)


class Norm(nn.Module):
    """Normalisation by name: "none", "batch", "conditional_batch" or "layer".

    Batch moments are those of the global batch. Conditional batch norm has a gain and a bias per
    class (Dumoulin et al. 2017; de Vries et al. 2017). Layer norm takes the moments of each example
    over positions and channels, and has a gain and a bias per channel (Ba et al. 2016, as WGAN-GP
    has it: no example's gradient depends on another).
    """

    kind: str
    num_classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "n ... c"], labels: Int[Array, "n"], train: bool
    ) -> Float[Array, "n ... c"]:
        if self.kind == "none":
            return x
        if self.kind == "layer":
            # Subtract the mean first: E x^2 - (E x)^2 cancels, and a penalty differentiates twice.
            axes = range(1, x.ndim)
            norm = nn.LayerNorm(1e-5, x.dtype, reduction_axes=axes, use_fast_variance=False)
            return norm(x)
        if self.kind == "batch":
            return BatchNorm()(x, train)
        shape = (self.num_classes, x.shape[-1])
        gain = self.param("gain", nn.initializers.ones_init(), shape)
        bias = self.param("bias", zeros_init(), shape)
        return BatchNorm()(x, train, gain[labels], bias[labels])


class Dropout(nn.Module):
    """Zeroes a fraction `rate` of each example's values and scales up the rest.

    Masks come from one key per example, so that they do not depend on how a batch is spread over
    devices; without keys nothing is dropped.
    """

    rate: float

    @nn.compact
    def __call__(
        self, x: Float[Array, "n ... c"], keys: Key[Array, "n"] | None
    ) -> Float[Array, "n ... c"]:
        if keys is None or not self.rate:
            return x
        # The layer's own place in the network keeps its mask apart from other layers'.
        place = zlib.crc32("/".join(self.path).encode())

        def mask(key):
            return jax.random.bernoulli(jax.random.fold_in(key, place), 1 - self.rate, x.shape[1:])

        return jnp.where(jax.vmap(mask)(keys), x / (1 - self.rate), 0.0)


def _biased(x: Float[Array, "n ... c"], bias: Float[Array, "c"]) -> Float[Array, "n ... c"]:
    return x + sums.spread(bias, x.shape).astype(x.dtype)


NORMS = ("none", "batch", "conditional_batch")
DISCRIMINATOR_NORMS = ("none", "batch", "layer")
