"""What `evals.fidelity` measures, by name, and what each number is in."""

from collections.abc import Iterable

from gen_jax.features.extractor import Extractor

SUFFIXES = {"2048": "", "768": "_768", "192": "_192", "64": "_64", "classifier": "_classifier"}
"""How a tap shows in a metric's name, the deepest first; plain is what the papers mean."""

LOGITS = "logits_unbiased"
"""The tap of the Inception Score."""

FRECHET = {"inception": "fid", "classifier": "fd"}
KERNEL = {"inception": "kid", "classifier": "kd"}

SETS = ("precision", "recall", "density", "coverage")
HELD_OUT = ("nearest_train", "close_to_train")
WITHIN = ("intra_class_distance", "intra_class_distance_real")

UNITS = {
    "fid": "squared distance of features, Gaussians fitted",
    "fd": "squared distance of features, Gaussians fitted; of a classifier, hence no FID",
    "fid_infinity": "the same, extrapolated to infinitely many samples",
    "fd_infinity": "the same, extrapolated to infinitely many samples",
    "kid": "squared MMD of features, cubic kernel, unbiased; mean of subsets",
    "kd": "squared MMD of features, cubic kernel, unbiased; mean of subsets",
    "precision": "share of samples within the real images' manifold, k = 3",
    "recall": "share of real images within the samples' manifold, k = 3",
    "density": "real neighbourhoods a sample is in, over k = 5; 1 for the data's own distribution",
    "coverage": "share of real neighbourhoods with a sample in them, k = 5",
    "is": "Inception Score, logits without bias, mean of 10 splits",
    "nearest_train": "median distance to the nearest of the `num_real` training images, over that "
    "of held-out images",
    "close_to_train": "share of samples nearer to one of them than all but 1 % of held-out images",
    "intra_class_distance": "mean distance of two samples' features, within classes",
    "intra_class_distance_real": "the same of real images",
}


def named(metric: str, tap: str) -> str:
    """A metric at a tap."""
    return metric + SUFFIXES.get(tap, f"_{tap}")


def distances(taps: Iterable[str]) -> list[str]:
    """Those of the taps that distances are taken at, the deepest first."""
    given = set(taps)
    return [tap for tap in SUFFIXES if tap in given]


def at_tap(seer: Extractor, tap: str) -> list[str]:
    """What can be measured at a tap of those asked for; nearest neighbours at the deepest alone."""
    if tap == LOGITS:
        return ["is", "floor/is"]
    if tap not in SUFFIXES:
        return []
    metrics = [FRECHET[seer.name], f"{FRECHET[seer.name]}_infinity", KERNEL[seer.name]]
    alone: list[str] = []
    deepest = (distances(seer.taps)[0], distances((*seer.taps, *seer.absent))[0])
    if tap in deepest:
        metrics += SETS
        alone += (*HELD_OUT, *WITHIN)
    names = [named(metric, tap) for metric in metrics]
    return [*names, *(named(metric, tap) for metric in alone), *(f"floor/{name}" for name in names)]


def unit(name: str) -> str:
    """What a number is in."""
    of, _, plain = name.rpartition("/")
    where = ""
    for tap, suffix in SUFFIXES.items():
        if suffix and plain.endswith(suffix):
            plain, where = plain.removesuffix(suffix), f"; {tap} features"
    said = {"": "", "floor": "; test images for samples"}
    count = of.removeprefix("first_")
    return UNITS[plain] + where + said.get(of, f"; the first {count} samples")
