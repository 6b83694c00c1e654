"""The Frechet distances of `evals.fidelity` along the way, of fewer samples."""

from collections.abc import Callable

from ml_collections import ConfigDict
from threadpoolctl import threadpool_limits

from gen_jax.data.spec import Split
from gen_jax.evals import fidelity, real_features
from gen_jax.evals import fidelity_names as names
from gen_jax.evals.model import Model
from gen_jax.features.extractor import Extractor
from gen_jax.metrics import frechet
from gen_jax.metrics.moments import Moments

Real = list[tuple[Extractor, dict[str, Moments]]]


def make(model: Model) -> Callable[[Model], dict[str, float]] | None:
    """A function that measures a state, such as {"fid_768": ...}; None if nothing is asked for.

    Through every network that the final evaluation looks through, of `eval.fidelity_during` samples
    with the labels that it asks for, the same noise every time. A distance of few samples is larger
    than one of many: numbers of one count alone compare. Real images are looked at when it is first
    called.
    """
    count = model.config.eval.fidelity_during
    if not count or model.family.sample is None or model.test.spec.modes:
        return None
    labels = fidelity.asked_labels(model, count)
    real: Real = []

    def measure(now: Model) -> dict[str, float]:
        if not real:
            real.extend(_real(model))
        values = {}
        for seer, moments in real:
            features = seer.extract(now.drawn(labels), lambda done: None)
            with threadpool_limits(limits=1, user_api="blas"):
                for tap, expected in moments.items():
                    found = Moments.of(features[tap])
                    few = model.config.eval.allow_few
                    name = names.named(names.FRECHET[seer.name], tap)
                    values[name] = frechet.distance(expected, found, few)
        return values

    return measure


def check(config: ConfigDict, test: Split) -> None:
    """Raises UserError for fewer samples than a distance needs."""
    count = config.eval.fidelity_during
    if count and not test.spec.modes:
        for seer in fidelity.seers(config, test.spec):
            fidelity.check_count("fidelity_during", count, seer, config)


def _real(model: Model) -> Real:
    settings = model.config.eval
    count = settings.fidelity_reals or len(model.train)
    cache = real_features.cache_folder(settings.cache)
    found: Real = []
    for seer in fidelity.seers(model.config, model.test.spec):
        features, _ = real_features.of_split(seer, model.train, count, cache, "real train")
        taps = names.distances(seer.taps)
        with threadpool_limits(limits=1, user_api="blas"):
            found.append((seer, {tap: Moments.of(features[tap]) for tap in taps}))
    return found
