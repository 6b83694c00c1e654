"""Composes a report from what a run left: which parts there are, in which order."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from gen_jax.report import (
    classified,
    curves,
    epochs,
    explorations,
    latent_walks,
    pictures,
    plots,
    points,
    timing,
)
from gen_jax.report.document import (
    Block,
    Code,
    Document,
    Fact,
    Facts,
    Folded,
    Missing,
    Section,
    Table,
    Verdict,
)
from gen_jax.report.tables import exact, flatten, number, settings_table, values_table
from gen_jax.report.workdir import Run

HEADLINES = (
    "mse",
    "pca_*_mse",
    "mean_image_mse",
    "psnr",
    "fid",
    "fid_768",
    "fd_classifier",
    "kid",
    "kid_768",
    "nll",
    "elbo",
    "bits_per_dim",
    "kl",
    "active_units",
    "modes_found",
    "high_quality",
    "classes_found",
    "class_agreement",
    "classified_confidence",
    "accuracy",
    "probe_accuracy",
    "svm_accuracy",
    "d_auc",
    "inversion_mse",
    "higgins",
    "mig",
    "auroc*",
    "sharpness_*",
)
"""The key numbers, in reading order, as patterns."""

_NO_EVALUATION = "No evaluation yet: run --mode=evaluate."


def compose(run: Run) -> Document:
    """The whole report as blocks. What a run has no arrays for has no section."""
    unconditional = "samples" in run.figures or run.settings.get("conditional") is False
    samples = "Samples" if unconditional else "Samples by class"
    parts: list[tuple[str, Callable[[Run], Iterable[Block | None]]]] = [
        ("By epoch", epochs.table),
        ("Training curves", curves.draw),
        (samples, lambda run: [pictures.samples(run)]),
        ("Points", points.scatter),
        ("What samples show", classified.shares),
        ("Test reconstructions", lambda run: [pictures.reconstructions(run)]),
        ("Latent interpolations", lambda run: [pictures.interpolations(run)]),
        ("Latent walks", latent_walks.walks),
        ("Vector arithmetic", latent_walks.vector_arithmetic),
        ("Codes", latent_walks.codes),
        ("Inversions", lambda run: [latent_walks.inversions(run)]),
        ("Latent space", lambda run: [*plots.latent_space(run), *plots.kl_per_dimension(run)]),
        ("Latent traversals", explorations.traversal),
        ("Latent manifold", explorations.manifold),
        ("Class arithmetic", explorations.arithmetic),
        ("Generative factors", plots.factors),
        ("Likelihood", plots.likelihood),
        ("Anomalies", lambda run: [*plots.scores(run), *explorations.anomalies(run)]),
        ("Denoising", explorations.denoised),
        ("Training progress", lambda run: [pictures.progress(run)]),
        ("Compute", timing.compute),
        ("Configuration", _configuration),
        ("Environment", _environment),
    ]
    present = [(title, drawn(title, partial(draw, run))) for title, draw in parts]
    sections = [
        Section("Summary", tuple(_summary(run))),
        Section("Evaluation", () if run.evals else (Missing(_NO_EVALUATION),)),
        *(_evaluation(content) for content in run.evals),
        *(Section(title, blocks) for title, blocks in present if blocks),
    ]
    name = run.config.get("name") or run.path.resolve().name
    return Document(str(name), _lede(run), tuple(sections))


def drawn(title: str, draw: Callable[[], Iterable[Block | None]]) -> tuple[Block, ...]:
    """The blocks of a part, or why there are none where its arrays cannot be drawn."""
    try:
        return tuple(block for block in draw() if block is not None)
    except Exception as error:  # arrays that do not fit fail in every library in every way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return (Missing(f"No {title.lower()}: the arrays cannot be drawn ({reason})."),)


def _lede(run: Run) -> tuple[str, ...]:
    config, parts = flatten(run.settings), []
    if "data.name" in config:
        parts.append(f"data {exact(config['data.name'])}")
    if run.records:
        planned = config.get("num_steps")
        of = f" of {planned:,}" if isinstance(planned, int) and planned > 0 else ""
        parts.append(f"step {run.records[-1].step:,}{of}")
        _, epochs = run.series("train", "epoch")
        if epochs.size:
            parts.append(f"epoch {number(float(epochs[-1]))}")
    parts += [f"{key} {exact(config[key])}" for key in ("batch_size", "seed") if key in config]
    if run.environment.get("git_commit"):
        dirty = " + uncommitted changes" if run.environment.get("git_dirty") else ""
        parts.append(f"commit {str(run.environment['git_commit'])[:10]}{dirty}")
    if run.config.get("digest"):
        parts.append(f"config {str(run.config['digest'])[:10]}")
    return tuple(part.replace("batch_size", "batch") for part in parts)


def _summary(run: Run) -> list[Block]:
    blocks: list[Block] = [
        Verdict(str(content["name"]), str(content["verdict"]))
        for content in sorted(run.evals, key=lambda content: content["name"] != "dynamics")
        if content.get("verdict")
    ]
    facts = [*_headlines(run), *timing.facts(run)]
    if facts:
        blocks.append(Facts(tuple(facts)))
    if not run.evals:
        blocks.append(Missing(_NO_EVALUATION))
    blocks += [Missing(note) for note in run.notes]
    return blocks


def _headlines(run: Run) -> list[Fact]:
    """The key numbers of all evaluations, each name once."""
    found: dict[str, tuple[int, Fact]] = {}
    for content in run.evals:
        values, units = flatten(_mapping(content, "values")), _mapping(content, "units")
        ranks = {name: rank(name) for name in values}
        chosen = [name for name in values if ranks[name] < len(HEADLINES)] or list(values)[:1]
        for name in chosen:
            notes = (content.get("split"), units.get(name))
            note = " · ".join(str(note) for note in notes if note)
            found.setdefault(name, (ranks[name], Fact(number(values[name]), name, note)))
    return [fact for _, fact in sorted(found.values(), key=lambda ranked: ranked[0])]


def rank(name: str) -> int:
    """Place of a quantity among the key numbers, their number for one that is not among them."""
    if "/" in name:  # of a part: one class, one baseline, one term
        return len(HEADLINES)
    matching = (place for place, pattern in enumerate(HEADLINES) if fnmatchcase(name, pattern))
    return next(matching, len(HEADLINES))


def _evaluation(content: Mapping[str, Any]) -> Section:
    about = []
    if content.get("step") is not None:
        about.append(f"step {number(content['step'])}")
    if content.get("split"):
        about.append(f"{content['split']} split")
    if content.get("num_examples") is not None:
        about.append(f"{number(content['num_examples'])} examples")
    values, protocol = _mapping(content, "values"), _mapping(content, "protocol")
    blocks: list[Block] = []
    if values:
        errors = {
            name: error
            for name, error in _mapping(content, "errors").items()
            if isinstance(error, int | float)
        }
        units = _mapping(content, "units")
        blocks.append(values_table(values, units, ", ".join(about), errors))
    else:
        blocks.append(Missing("This evaluation wrote no values."))
    if protocol:
        blocks.append(Folded("Protocol", settings_table(protocol)))
    return Section(str(content["name"]), tuple(blocks), level=3)


def _mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, Mapping) else {}


def _configuration(run: Run) -> tuple[Block, ...]:
    config = run.settings
    if not config:
        return (Missing("No configuration: config.json is not there or holds no config."),)
    table = settings_table(config)
    digest = run.config.get("digest")
    caption = f"SHA-256 of the config: {digest}" if digest else ""
    return (Folded(f"{len(table.rows)} keys", table._replace(caption=caption)),)


def _environment(run: Run) -> list[Block]:
    environment = dict(run.environment)
    if not environment:
        return [Missing("No environment: environment.json is not there; training writes it.")]
    command = environment.pop("command", None)
    environment.pop("parameters", None)
    devices = environment.get("devices")
    if isinstance(devices, list):
        counts = Counter(str(device) for device in devices)
        environment["devices"] = ", ".join(
            f"{count} × {name}" if count > 1 else name for name, count in counts.items()
        )
    if "git_commit" in environment and environment["git_commit"] is None:
        environment["git_commit"] = "none: not run from a git checkout"
    resumed = environment.pop("resumed", None)
    for again in resumed if isinstance(resumed, list) else []:
        changed = [
            f"{name} {exact(value)}"
            for name, value in again.items()
            if name not in ("step", "command", "parameters") and run.environment.get(name) != value
        ]
        environment[f"resumed at step {again.get('step')}"] = ", ".join(changed) or "as above"
    blocks: list[Block] = [Code(str(command))] if command else []
    table: Table = settings_table(environment, ("what", "value"))
    return [*blocks, table]
