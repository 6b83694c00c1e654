"""What sees images for a metric of sample quality: one interface over Inception and classifiers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.features import inception, inception_graph, judge

Images = UInt8[np.ndarray, "n h w c"]
Features = dict[str, Float[np.ndarray, "n d"]]

BLOCK = 250
"""Images a classifier sees at a time, the last block padded."""


class Extractor(NamedTuple):
    """A frozen network with the protocol it is used under.

    Attributes:
      name: "inception" or "classifier".
      taps: those it will give, and the dimensions of each.
      absent: of the taps asked for, those it cannot give, and why.
      protocol: what a number must say of it: weights' digest, resizing, architecture.
      extract: (blocks of uint8 images of one shape, called with the number done) -> features
        float32 [N, d] by tap. They do not depend on how the images came in blocks.
    """

    name: str
    taps: Mapping[str, int]
    absent: Mapping[str, str]
    protocol: Mapping[str, Any]
    extract: Callable[[Iterable[Images], Callable[[int], None]], Features]


def of_inception(path: str, taps: Sequence[str]) -> Extractor:
    """Inception-v3 at those of the taps that its weights suffice for.

    Raises:
      UserError: the file is none or of something else, or there is no such tap.
    """
    net = inception.load(path)
    for tap in taps:
        if tap not in inception_graph.DIMENSIONS:
            known = ", ".join(inception_graph.DIMENSIONS)
            raise UserError(f"eval.inception_taps: no tap {tap!r}; there are {known}")
    given = [tap for tap in taps if tap in net.taps]
    absent = {
        tap: f"weights absent: the file holds Inception-v3 up to {net.taps[-1]}"
        for tap in taps
        if tap not in net.taps
    }

    def extract(blocks: Iterable[Images], progress: Callable[[int], None]) -> Features:
        return inception.extract(net, blocks, given, progress)

    return Extractor(
        name="inception",
        taps={tap: inception_graph.DIMENSIONS[tap] for tap in given},
        absent=absent,
        protocol={
            "extractor": "Inception-v3, TensorFlow's graph of 2015",
            "weights_sha256": net.digest,
            "resize": inception.RESIZE,
        },
        extract=extract,
    )


def of_classifier(path: str, spec: DataSpec) -> Extractor:
    """A classifier trained here, at its last features ("classifier") and its "logits".

    Raises:
      UserError: the file is none, or of other images or classes.
    """
    net = judge.load(path, spec)

    def extract(blocks: Iterable[Images], progress: Callable[[int], None]) -> Features:
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        done = 0
        for block in inception.rechunk(blocks, BLOCK):
            short = BLOCK - len(block)
            padded = np.pad(block, ((0, short), (0, 0), (0, 0), (0, 0)))
            features, logits = (np.asarray(out)[: len(block)] for out in net.apply(padded))
            parts.append((features, logits))
            done += len(block)
            progress(done)
        features, logits = (np.concatenate(of) for of in zip(*parts, strict=True))
        return {"classifier": features, "logits": logits}

    return Extractor(
        name="classifier",
        taps={"classifier": net.dimension, "logits": len(net.classes)},
        absent={},
        protocol={
            "extractor": f"classifier of {net.trained_on or 'unknown data'}, {net.architecture}",
            "extractor_seed": net.seed,
            "extractor_config": net.config_digest,
            "weights_sha256": net.digest,
            "resize": "none",
        },
        extract=extract,
    )
