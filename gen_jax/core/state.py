"""The training state and the contract of a model family."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxtyping import Array, Int

Tree = Any


class TrainState(NamedTuple):
    """Everything a run needs to go on; every dict is keyed by network name.

    One shape for a VAE, a GAN and a CycleGAN, hence one checkpoint format and one loop.

    Attributes:
      step: updates done so far.
      params: trainable parameters.
      batch_stats: BatchNorm moments and power-iteration vectors.
      ema: moving averages, `{network: {"params": ..., "batch_stats": ...}}`; empty when off.
      opt: optax states.
      extra: whatever else a family carries (an image pool, say).
    """

    step: Int[Array, ""]
    params: dict[str, Tree]
    batch_stats: dict[str, Tree]
    ema: dict[str, Tree]
    opt: dict[str, Tree]
    extra: dict[str, Tree]


class Family(NamedTuple):
    """A generative model as pure functions; build one with `FAMILIES[name](config, spec)`.

    Images are float32 [n, H, W, C] in [-1, 1], labels int32 [n]. `step` runs under
    `parallel.pmap`; the others are per example and run under a plain `jit`.

    Attributes:
      init: key -> TrainState.
      step: (state, batch, keys, key) -> (state, metrics). One update of every network. Leaves of
        `batch` are [draws, b, ...]; `keys` [draws, b] has one key per example, `key` one for what
        concerns the whole batch. Metrics are scalars over the global batch.
      draws: batches one step consumes (n_critic, or a second batch).
      metrics: (state, batch, keys) -> {name: [n]}, the terms of the objective per example.
      sample: (state, keys, labels) -> images.
      encode: (state, images, labels) -> (mean, logvar), [n, Z] each; logvar is -inf for a code that
        is a point (an autoencoder's).
      decode: (state, z, labels) -> images.
      observe: (images, keys) -> images as the model sees them, where that is not as they are:
        pixels binarised at random, say. `metrics`, `encode` and `log_px` are given observed images,
        `step` is not.
      log_px: (state, z, batch) -> log p(x | z) [n] of `batch["image"]`, nats; what an importance
        sampled bound needs.
      prior: (keys, labels) -> z [n, Z], what `sample` decodes; for families that draw it otherwise
        than from N(0, I), or have nothing but this to explore.
      features: (state, images) -> the discriminator's feature maps, a tuple of [n, h, w, c].
      export: state -> {name: NumPy array}, what other runs may load; written to `NAME.npz`, NAME
        the family's, after training.
      frozen: digests of the files of frozen weights the family was built with, by what they are.
      best: the metric whose best checkpoint is kept, and whether that is "min" or "max"; None where
        no metric says which state is best.
    """

    init: Callable
    step: Callable
    draws: int = 1
    metrics: Callable | None = None
    sample: Callable | None = None
    encode: Callable | None = None
    decode: Callable | None = None
    observe: Callable | None = None
    log_px: Callable | None = None
    prior: Callable | None = None
    features: Callable | None = None
    export: Callable | None = None
    frozen: Mapping[str, str] = MappingProxyType({})
    best: tuple[str, str] | None = ("mse", "min")
