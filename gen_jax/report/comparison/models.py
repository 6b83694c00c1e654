"""Runs as models: those whose configs differ in the seed alone are one, with several seeds.

Where files lie is no difference: a network or a data set is what it is in any folder.
"""

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gen_jax.config import OF_THE_MACHINE
from gen_jax.errors import UserError
from gen_jax.report import style
from gen_jax.report.comparison.runs import Member
from gen_jax.report.tables import exact, flatten

_MOST_KEYS, _MOST_LETTERS = 3, 44
"""A label that would say more than this gives way to the name of a folder."""


class Model(NamedTuple):
    """A model: its label, its colour (of `style.PALETTE`) and its runs, by seed."""

    label: str
    colour: str
    members: tuple[Member, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """Its first run's config by dotted key, without the seed; empty where there is none."""
        return without_seed(self.members[0])


def group(members: Sequence[Member]) -> tuple[Model, ...]:
    """Models in order of first appearance.

    Runs of one config that stand at different steps are different models: a mean over them would
    be of no step at all. A run without a config is a model of its own.

    Raises:
      UserError: two runs of one config, one seed and one step; they would count as two seeds.
    """
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(_identity(member), []).append(member)
    for runs in groups.values():
        runs.sort(key=lambda member: member.seed or 0)
        for first, second in itertools.pairwise(runs):
            if first.seed == second.seed:
                raise UserError(
                    f"--runs: {second.name} repeats {first.name} (the same config and seed"
                    f" {first.seed}); leave one of them out"
                )
    found = list(groups.values())
    colours = (style.CLASSES[index % len(style.CLASSES)] for index in range(len(found)))
    labels = _labels(found)
    return tuple(
        Model(label, colour, tuple(runs))
        for label, colour, runs in zip(labels, colours, found, strict=True)
    )


def without_seed(member: Member) -> dict[str, Any]:
    """The config of a run by dotted key, without its seed."""
    return {key: value for key, value in flatten(member.run.settings).items() if key != "seed"}


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config by dotted key, without the keys that say only where and how a machine finds files.

    `data.dir` stays where data.name is "folder", whose images it decides on; elsewhere it is where
    a named data set was put.
    """
    kept = {"data.dir"} if config.get("data.name") == "folder" else set()
    left_out = OF_THE_MACHINE - kept
    return {key: value for key, value in config.items() if key not in left_out}


def _identity(member: Member) -> str:
    if not member.run.settings:
        return member.name
    return json.dumps([_meant(member), member.step], sort_keys=True)


def _meant(member: Member) -> dict[str, Any]:
    """What of a config makes a model; images and the weights of a perceptual loss by digest.

    A run that went on under another config than it began with is a model of its own.
    """
    config, data = without_places(without_seed(member)), member.run.config.get("data")
    data = data if isinstance(data, Mapping) else {}
    digests = {"perceptual.weights": "perceptual_weights", "data.content": "train_content"}
    config |= {key: data[name] for key, name in digests.items() if data.get(name)}
    earlier = member.run.config.get("earlier")
    return config | ({"config.earlier": json.dumps(earlier)} if earlier else {})


def differing(configs: Sequence[dict[str, Any]]) -> list[str]:
    """Keys that do not have one value in all of these configs, in the order of the first."""
    keys = dict.fromkeys(key for config in configs for key in config)
    return [
        key
        for key in keys
        if any(key not in config or config[key] != configs[0].get(key) for config in configs)
    ]


def _labels(groups: Sequence[Sequence[Member]]) -> list[str]:
    """The config's name, with what sets apart those that share it, or the folder's name."""
    firsts = [runs[0] for runs in groups]
    bases = [str(member.run.config.get("name") or member.name) for member in firsts]
    labels = list(bases)
    for base, count in Counter(bases).items():
        if count > 1:
            alike = [index for index, other in enumerate(bases) if other == base]
            endings = _endings([firsts[index] for index in alike])
            for index, ending in zip(alike, endings, strict=True):
                labels[index] = f"{base}, {ending}"
    labels = [
        label if len(label) <= _MOST_LETTERS else member.name
        for label, member in zip(labels, firsts, strict=True)
    ]
    return labels if len(set(labels)) == len(labels) else [member.name for member in firsts]


def _endings(members: Sequence[Member]) -> list[str]:
    """The keys and values that tell runs of one name apart; the step where no key does."""
    configs = [_meant(member) for member in members]
    keys = differing(configs)
    if len(keys) > _MOST_KEYS:
        return [member.name for member in members]
    last = Counter(key.rpartition(".")[2] for key in keys)
    short = {key: key.rpartition(".")[2] for key in keys}
    parts = [
        [f"{short[key] if last[short[key]] == 1 else key} {exact(config.get(key))}" for key in keys]
        for config in configs
    ]
    if len(set(map(tuple, parts))) < len(parts):
        for part, member in zip(parts, members, strict=True):
            part.append(f"at step {member.step}")
    return [", ".join(part) for part in parts]
