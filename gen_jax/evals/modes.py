"""Mode collapse in the plane: how many Gaussians of the data the samples find, and how evenly."""

from math import exp

import numpy as np

from gen_jax.evals.model import Model, Result

SAMPLES = 2500
"""As many as VEEGAN and PacGAN draw."""
RADIUS = 3
"""Standard deviations from a centre within which a sample is of high quality."""
PERFECT = 1 - exp(-(RADIUS**2) / 2)
"""Share of the data's own points that are."""


def evaluate(model: Model) -> Result | None:
    """Modes found and share of high-quality samples (VEEGAN: Srivastava et al. 2017, section 5).

    A sample belongs to the nearest mode, and is of high quality within three standard deviations of
    its centre, where a point of the data lies with probability 1 - exp(-9/2). A mode is found if a
    high-quality sample belongs to it. The KL is that of the high-quality samples' distribution over
    modes from the data's, which is uniform; there is none without such samples. Drawing 2,500
    of the data itself gives about (modes - 1) / 5,000 nats.

    A conditional model is told the label, hence the mode: its labels are dealt evenly.

    None for data that are not points around known modes.
    """
    spec = model.test.spec
    if not spec.modes:
        return None
    labels = np.zeros(SAMPLES, np.int32)
    if model.config.conditional:
        labels = (np.arange(SAMPLES) % spec.num_classes).astype(np.int32)
    samples = model.sample(labels).reshape(SAMPLES, 2)
    modes = np.array(spec.modes)
    counts = high_quality_counts(samples, modes, spec.mode_std)
    found, quality = int(np.count_nonzero(counts)), float(counts.sum() / SAMPLES)
    values = {"modes_found": found, "modes": len(modes), "high_quality": quality}
    if found:
        values["kl"] = kl_from_uniform(counts)
    real = model.test.gather(np.arange(min(SAMPLES, len(model.test))))["image"].reshape(-1, 2)
    units = {
        "modes_found": "modes with at least one high-quality sample",
        "modes": "modes there are",
        "high_quality": f"fraction of samples within {RADIUS} standard deviations of a mode",
        "kl": "nats, high-quality samples' distribution over modes from the uniform one",
    }
    return Result(
        values=values,
        units={name: units[name] for name in values},
        protocol={
            "num_examples": SAMPLES,
            "seed": model.config.seed,
            "labels": "dealt evenly" if model.config.conditional else "none",
            "radius": RADIUS * spec.mode_std,
        },
        verdict=_verdict(values),
        arrays={
            "points_samples": samples.astype(np.float32),
            "points_real": real.astype(np.float32),
            "points_modes": modes.astype(np.float32),
            "points_radius": np.array([RADIUS * spec.mode_std], np.float32),
        },
    )


def high_quality_counts(samples: np.ndarray, modes: np.ndarray, std: float) -> np.ndarray:
    """How many of the samples [n, 2] are of high quality, by mode [M, 2]: int64 [M]."""
    offsets = samples.astype(np.float64)[:, None] - modes[None]
    squared = np.sum(offsets**2, axis=-1)
    # NaN, of a generator that diverged, is near nothing.
    near = squared.min(axis=1) <= (RADIUS * std) ** 2
    return np.bincount(squared[near].argmin(axis=1), minlength=len(modes))


def kl_from_uniform(counts: np.ndarray) -> float:
    """KL of a histogram [M], not all zero, from the uniform distribution, nats."""
    shares = counts[counts > 0] / counts.sum()
    # One share of 1/M of each may leave -1e-16.
    return max(0.0, float(np.sum(shares * np.log(shares * len(counts)))))


def _verdict(values: dict[str, float]) -> str:
    found, modes = values["modes_found"], values["modes"]
    of_modes = (
        f"All {modes} modes are found" if found == modes else f"{found} of {modes} modes are found"
    )
    text = (
        f"{of_modes}; {values['high_quality']:.1%} of the samples lie within {RADIUS} standard"
        f" deviations of one, as {PERFECT:.1%} of the data do"
    )
    if "kl" in values:
        text += f"; their shares of the modes are {values['kl']:.3g} nats from even ones"
    return text + "."
