"""Evaluating again: do the files in `evals/` say what the checkpoint says?"""

import contextlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gen_jax import config as configs
from gen_jax import evals
from gen_jax.audit import checks
from gen_jax.audit.findings import FAIL, PASS, REMARK, Finding, some
from gen_jax.audit.ledger import Chain, Line
from gen_jax.core import npz, strict_json
from gen_jax.evals.model import Model

ROUNDING = 1e-3
"""Relative difference of a number that other devices or versions may make."""
_OF_THE_CODE = ("git_commit", "git_dirty")


def step_to_evaluate(workdir: Path, found: Chain) -> tuple[int | None, Finding | None]:
    """(the step the files in `evals/` are of, if there is a checkpoint of it; what else to say)."""
    of = {_step(path) for path in (workdir / "evals").glob("*.json")}
    if not of:
        return None, Finding("evals", REMARK, "there are none to compare")
    if len(of) > 1 or None in of:
        text = f"they are of several steps, or cannot be read: {some(sorted(map(str, of)))}"
        return None, Finding("evals", FAIL, text)
    (step,) = of
    if step in checks.saved_steps(workdir):
        return step, None
    text = f"not compared: they are of step {step}, of which there is no checkpoint any more"
    known = step in found.steps() and step < max(found.steps())
    return None, Finding("evals", REMARK if known else FAIL, text)


def check(model: Model, workdir: Path, elsewhere: bool, begun: Sequence[Line]) -> Iterator[Finding]:
    """Evaluates the model and compares every `evals/*.json`, and the figures, with what comes out.

    Args:
      model: the checkpoint they are of.
      workdir: where `evals/` is.
      elsewhere: devices or versions are not those of the run, so that rounding may differ.
      begun: the ledger's begin lines: how long a run was to be may have changed since.
    """
    folder = workdir / "evals"
    names = sorted(path.name for path in folder.glob("*.json"))
    with tempfile.TemporaryDirectory(prefix=".evals-", dir=workdir / "audit") as scratch:
        config, digest = _config(model, folder, names, begun)
        evals.write(model._replace(config=config), Path(scratch), digest)
        absent = sorted({path.name for path in Path(scratch).glob("*.json")} - set(names))
        same: list[str] = []
        near: dict[str, float] = {}
        for name in names:
            problem, worst = _compare(folder / name, Path(scratch) / name, elsewhere)
            if problem:
                yield Finding("evals", FAIL, f"evals/{name}: {problem}", {"file": name})
            elif worst:
                near[name.removesuffix(".json")] = worst
            else:
                same.append(name.removesuffix(".json"))
        problem = _compare_figures(folder / "figures.npz", Path(scratch) / "figures.npz", elsewhere)
        if problem:
            yield Finding("evals", FAIL, f"evals/figures.npz: {problem}", {"file": "figures.npz"})
    if absent:
        text = f"evaluating again gives {some(absent)} as well, which is not there"
        yield Finding("evals", REMARK, text, {"absent": absent})
    if same:
        yield Finding("evals", PASS, f"{some(same, 30)}: the same numbers again", {"same": same})
    if near:
        told = some((f"{name} ({worst:.2g})" for name, worst in near.items()), 30)
        text = f"within rounding of other devices or versions, relative difference: {told}"
        yield Finding("evals", REMARK, text, {"near": near})


def _config(
    model: Model, folder: Path, names: list[str], begun: Sequence[Line]
) -> tuple[ConfigDict, str]:
    """The config the evaluations were made under, if it is one of those known, and its digest.

    Files lie where the model's config says: weights may have been brought to another place. The
    model's own where none is known.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        wanted = strict_json.read(folder / names[0])["protocol"]["config_digest"]
        for config in (
            model.config,
            *(configs.from_json(line["config"], configs.base()) for line in reversed(begun)),
        ):
            if configs.digest(config) == wanted:
                config = config.copy_and_resolve_references()
                places = {key: configs.dotted(model.config)[key] for key in configs.PATHS}
                config.update_from_flattened_dict({key: at for key, at in places.items() if at})
                return config, wanted
    return model.config, configs.digest(model.config)


def _step(path: Path) -> int | None:
    """The step an evaluation is of; None if that cannot be read."""
    try:
        return strict_json.read(path)["step"]
    except (ValueError, KeyError, TypeError):
        return None


def _compare(then: Path, now: Path, elsewhere: bool) -> tuple[str, float]:
    """(what is wrong, "" if nothing, and the largest relative difference)."""
    if not now.exists():
        return "these settings evaluate nothing of that name", 0.0
    try:
        old, new = (_plain(strict_json.read(path)) for path in (then, now))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "cannot be read", 0.0
    theirs, ours = (side["protocol"].get("config_digest") for side in (old, new))
    if theirs != ours:
        return (
            "made under other settings than these; pass the --config.eval keys it was made with",
            0.0,
        )
    flat = [configs.dotted(side) for side in (old, new)]
    differ = {
        key: (flat[0].get(key), flat[1].get(key))
        for key in {**flat[0], **flat[1]}
        if flat[0].get(key) != flat[1].get(key)
    }
    worst = max((_relative(*pair) for pair in differ.values()), default=0.0)
    if not differ or (elsewhere and worst <= ROUNDING):
        return "", worst
    shown = (f"{key} {was!r}, evaluated again {now!r}" for key, (was, now) in differ.items())
    return some(shown, 3), worst


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Without what says where the code was."""
    protocol = {k: v for k, v in content["protocol"].items() if k not in _OF_THE_CODE}
    return content | {"protocol": protocol}


def _relative(one: Any, other: Any) -> float:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (one, other))
    if not numbers or not math.isfinite(one) or not math.isfinite(other):
        return math.inf
    return abs(one - other) / max(abs(one), abs(other))


def _compare_figures(then: Path, now: Path, elsewhere: bool) -> str:
    if not then.exists() or elsewhere:
        return ""  # pictures of a t-SNE say nothing about rounding
    try:
        old, new = npz.read(then), npz.read(now)
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"
    if old.keys() != new.keys():
        return f"other arrays: {some(sorted(old.keys() ^ new.keys()))}"
    differ = [name for name in new if old[name].tobytes() != new[name].tobytes()]
    return f"arrays differ: {some(differ)}" if differ else ""
