"""A trained model as evaluations see it: pictures in, pictures and numbers out, block by block."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gen_jax.core import keys
from gen_jax.core.state import Family, TrainState
from gen_jax.data import Subset, class_indices
from gen_jax.data.spec import Split, scaled
from gen_jax.errors import UserError


class Result(NamedTuple):
    """One evaluation.

    Attributes:
      values: the numbers, by name.
      units: what each number is in, by the same names.
      protocol: all that is needed to compute them again. Two entries are about single numbers: `of`
        maps a name to entries that concern it alone, `absent` one that is not there to the reason.
      verdict: a sentence that follows from the numbers; empty if there is nothing to judge.
      arrays: what the report draws, by name; they go to figures.npz.
      errors: standard errors of those numbers that have one, by the same names.
    """

    values: dict[str, float]
    units: dict[str, str]
    protocol: dict[str, Any]
    verdict: str = ""
    arrays: Mapping[str, np.ndarray] = MappingProxyType({})
    errors: Mapping[str, float] = MappingProxyType({})


class Model(NamedTuple):
    """A family with a state, the data it was made for, and its config.

    Example i of an evaluation draws from `fold_in(stream key, i)`, whatever the block size.
    Images are float32 [n, H, W, C] in [-1, 1] on the way in and out; those of a split pass through
    `Family.observe` with their "eval" key ("eval_train" for training images), so that every
    evaluation and every picture sees the same pixels. Samples come from the "sample" stream, to be
    independent of them, and whatever else an evaluation draws from a stream of its own.
    `history` holds the records of its training (`train.records.read`), where they are known.
    """

    family: Family
    state: TrainState
    config: ConfigDict
    train: Split
    test: Split
    step: int
    history: tuple[Mapping[str, Any], ...] = ()

    def blocks(
        self, split: Split, count: int, size: int | None = None
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """The first `count` examples: (indices [n], {"image": as observed, "label": ...}).

        `size` of them at a time, by default `eval.batch_size`.
        """
        size = size or self.config.eval.batch_size
        for start in range(0, min(count, len(split)), size):
            indices = np.arange(start, min(start + size, count, len(split)))
            yield indices, self.observed(split, indices)

    def observed(self, split: Split, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Examples [n] of a split as the model sees them: "image" float32, "label" int32."""
        batch = split.gather(indices)
        images = scaled(batch["image"])
        if self.family.observe is not None:
            tested = split is self.test
            if isinstance(split, Subset) and split.whole is self.test:
                tested, indices = True, split.positions[indices]
            stream = "eval" if tested else "eval_train"
            images = jax.device_get(self.jitted("observe")(images, self.keys(stream, indices)))
        return {"image": images, "label": batch["label"]}

    def trained_classes(self) -> np.ndarray:
        """The labels it was trained on, ascending: all, or those of `data.train_classes`."""
        chosen, spec = self.config.data.train_classes, self.test.spec
        if not chosen:
            return np.arange(spec.num_classes)
        return class_indices(chosen, spec.class_names)

    def metrics(self, count: int, size: int | None = None) -> dict[str, np.ndarray]:
        """`Family.metrics` of the first `count` test images in `blocks`, float64 [n] each."""
        function = self.jitted("metrics")
        parts = []
        for indices, batch in self.blocks(self.test, count, size):
            out = function(self.state, batch, self.keys("eval", indices))
            parts.append(jax.device_get(out))
        return {
            name: np.concatenate([part[name] for part in parts]).astype(np.float64)
            for name in parts[0]
        }

    def encode(self, count: int, split: Split | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and logvar [n, Z] of the first `count` images (default: test), float32."""
        function = self.jitted("encode")
        parts = [
            jax.device_get(function(self.state, batch["image"], batch["label"]))
            for _, batch in self.blocks(self.test if split is None else split, count)
        ]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def decode(self, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Pictures of given latents [n, Z]."""
        return self._blockwise(self.jitted("decode"), z, labels)

    def sample(self, labels: np.ndarray, seed: int | None = None, first: int = 0) -> np.ndarray:
        """Prior samples `first`, `first` + 1, ... of given classes [n].

        Sample i is a function of (seed, i, label).
        """
        sample_keys = self.keys("sample", np.arange(first, first + len(labels)), seed)
        return self._blockwise(self.jitted("sample"), sample_keys, labels)

    def drawn(self, labels: np.ndarray) -> Iterator[np.ndarray]:
        """Samples of given classes [n] as files would hold them, uint8, block by block."""
        size = self.config.eval.batch_size
        for start in range(0, len(labels), size):
            yield to_uint8(self.sample(labels[start : start + size], first=start))

    def keys(self, stream: str, indices: np.ndarray, seed: int | None = None) -> jax.Array:
        """One key per example of a stream, [n]."""
        key = keys.stream(self.config.seed if seed is None else seed, stream)
        return jax.vmap(keys.at_step, in_axes=(None, 0))(key, jnp.asarray(indices, jnp.uint32))

    def jitted(self, name: str) -> Callable:
        """A function of the family, compiled; UserError if it has none of this name."""
        function = getattr(self.family, name)
        if function is None:
            raise UserError(f"family {self.config.family} cannot {name}")
        return jax.jit(function)

    def _blockwise(self, function: Any, inputs: Any, labels: np.ndarray) -> np.ndarray:
        size, parts = self.config.eval.batch_size, []
        for start in range(0, len(labels), size):
            block = slice(start, start + size)
            parts.append(np.asarray(function(self.state, inputs[block], labels[block])))
        return np.concatenate(parts)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [-1, 1] to uint8 0 .. 255, rounded to nearest; UserError for NaN and infinity."""
    if not np.isfinite(images).all():
        raise UserError("the model's pictures hold NaN or infinity: it has diverged")
    return np.clip(np.rint((np.asarray(images, np.float64) + 1) * 127.5), 0, 255).astype(np.uint8)
