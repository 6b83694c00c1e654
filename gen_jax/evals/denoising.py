"""Denoising: how much nearer to the clean image a decoded posterior mean is than its input."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from gen_jax.core.state import TrainState
from gen_jax.evals.model import Model, Result, to_uint8
from gen_jax.losses import elbo
from gen_jax.losses.corruption import CORRUPTIONS

LEVELS = (0.1, 0.25, 0.5)
"""Levels of every corruption that are tried beside the trained one."""

EXAMPLES = 1000
SHOWN = 10


def evaluate(model: Model) -> Result | None:
    """PSNR, mean over the first test images, of corrupted and of denoised images.

    Denoised is what the model decodes from the posterior mean of the corrupted image. Both are cut
    off at -1 and 1, between which all images lie: of Gaussian noise on black that alone takes away
    half, and is no merit of the model. Every kind of corruption is tried, the trained one and those
    never seen alike, each at `LEVELS` and at the trained level (fractions end at 1). Noise of a
    kind is the same at all levels.

    None for a model that was not trained to denoise.
    """
    trained, level = model.config.loss.corruption, model.config.loss.corruption_level
    if trained == "none":
        return None
    values: dict[str, float] = {}
    pictures: list[np.ndarray] = []
    names: dict[str, str] = {}  # of every kind, at the level shown
    for number, kind in enumerate(CORRUPTIONS):
        own = level if kind == "gaussian" else min(level, 1.0)
        denoise = jax.jit(_denoise(model, kind, number))
        for tried in sorted({*LEVELS, own}):
            corrupted, denoised, shown = _measure(model, denoise, tried)
            name = f"{kind}_{tried:g}"
            values |= {f"{name}/psnr_corrupted": corrupted, f"{name}/psnr_denoised": denoised}
            if tried == own:
                pictures.append(shown)
                names[kind] = name
    unit = f"dB, mean over images, peak to peak 2, at most {elbo.MOST_PSNR:g} each"
    own_name = names[trained]
    return Result(
        values=values,
        units=dict.fromkeys(values, unit),
        protocol={
            "split": "test",
            "num_examples": min(EXAMPLES, len(model.test)),
            "seed": model.config.seed,
            "trained": own_name,
            "latent": "posterior mean",
            "pixels": "cut off at -1 and 1",
        },
        verdict=verdict(
            own_name, values[f"{own_name}/psnr_corrupted"], values[f"{own_name}/psnr_denoised"]
        ),
        arrays={
            "denoise": np.stack(pictures),
            "denoise_names": np.array([name.replace("_", " ") for name in names.values()]),
        },
    )


def psnr(images: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Peak signal to noise ratio [n] in dB of images [n, ...] in [-1, 1], as `elbo.psnr`."""
    squared = np.square(np.asarray(images, np.float64) - clean).reshape(len(clean), -1).mean(axis=1)
    return np.asarray(elbo.psnr(squared), np.float64)


def verdict(name: str, corrupted: float, denoised: float) -> str:
    """The sentence that the two PSNRs at the trained corruption carry."""
    gain = denoised - corrupted
    if gain <= 0:
        return f"No denoiser: at {name} its pictures are {-gain:.1f} dB worse than its input."
    return f"Denoises: {gain:.1f} dB gained at {name}, the corruption it was trained on."


def _denoise(model: Model, kind: str, number: int) -> Callable:
    """(state, batch, keys, level) -> corrupted and denoised images [n, H, W, C]."""
    encode, decode = model.jitted("encode"), model.jitted("decode")

    def denoise(
        state: TrainState,
        batch: dict[str, Array],
        keys: Key[Array, "n"],
        level: float,
    ) -> tuple[Float[Array, "n h w c"], Float[Array, "n h w c"]]:
        own = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, number)
        corrupted = CORRUPTIONS[kind](own, batch["image"], level)
        mean, _ = encode(state, corrupted, batch["label"])
        return corrupted, decode(state, mean, batch["label"])

    return denoise


def _measure(model: Model, denoise: Callable, level: float) -> tuple[float, float, np.ndarray]:
    """Mean PSNR corrupted and denoised, and uint8 [3, n, H, W, C]: clean, corrupted, denoised."""
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []
    shown: list[np.ndarray] = []
    for indices, batch in model.blocks(model.test, EXAMPLES):
        keys = model.keys("denoising", indices)
        outputs = jax.device_get(denoise(model.state, batch, keys, level))
        corrupted, denoised = (np.clip(x, -1, 1) for x in outputs)
        before.append(psnr(corrupted, batch["image"]))
        after.append(psnr(denoised, batch["image"]))
        rest = SHOWN - sum(part.shape[1] for part in shown)
        shown.append(np.stack([to_uint8(x[:rest]) for x in (batch["image"], *outputs)]))
    means = [float(np.concatenate(parts).mean()) for parts in (before, after)]
    return means[0], means[1], np.concatenate(shown, axis=1)
