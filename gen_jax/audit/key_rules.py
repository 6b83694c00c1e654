"""What may be done with a key, judged on its uses: once drawn from, or once split, or folded.

JAX's rule is that a key is consumed once. `fold_in` of distinct data is the exception on which a
key tree stands: it makes a family of keys of one parent, which then serves nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from gen_jax.audit.key_uses import Use

VERBS = {"draw": "drawn from", "split": "split", "fold": "folded with {data}"}
FRAMES = 3


class Fault(NamedTuple):
    """Keys that are used against the rules, all in the same way.

    Attributes:
      keys: their names, as in `Use.key`.
      uses: of the first of them.
      programs: of these uses in turn, where several programs were compared; else empty names.
    """

    keys: tuple[str, ...]
    uses: tuple[Use, ...]
    programs: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.keys)} key(s), the first {self.keys[0]}:"]
        for use, program in zip(self.uses, self.programs, strict=True):
            verb = VERBS[use.kind].format(data=use.data)
            place = " < ".join(use.where[:FRAMES])
            lines.append(f"  {verb}{' in ' + program if program else ''} at {place}")
        return "\n".join(lines)


def faults(uses: Iterable[Use]) -> list[Fault]:
    """Keys that one program consumes twice; empty if there are none.

    A key is drawn from once, or split once, or folded any number of times, each with other data.
    """
    return _grouped([("", use) for use in own] for own in _by_key(uses).values() if not _sound(own))


def collisions(programs: Mapping[str, Iterable[Use]]) -> list[Fault]:
    """Keys that two of the programs share other than on the way to keys that differ.

    Both may split a key, or both fold it, as every step of a run does with its stream's. Then they
    must part further down: a key that one of them draws from, the other may not use at all.
    """
    tables = {name: _by_key(uses) for name, uses in programs.items()}
    shared = []
    for (name, uses), (other, others) in combinations(tables.items(), 2):
        for key in uses.keys() & others.keys():
            kinds = {use.kind for use in (*uses[key], *others[key])}
            if kinds not in ({"split"}, {"fold"}):
                both = [(name, use) for use in uses[key]] + [(other, use) for use in others[key]]
                shared.append(both)
    return _grouped(shared)


def _sound(uses: Sequence[Use]) -> bool:
    if all(use.kind == "fold" for use in uses):
        return len({use.data for use in uses}) == len(uses)
    return len(uses) == 1


def _by_key(uses: Iterable[Use]) -> dict[str, list[Use]]:
    table = defaultdict(list)
    for use in uses:
        table[use.key].append(use)
    return table


def _grouped(cases: Iterable[Sequence[tuple[str, Use]]]) -> list[Fault]:
    """One fault for all keys that are used alike, so that a batch of them is one message."""
    groups: dict[tuple, list] = defaultdict(list)
    for case in cases:
        groups[tuple((program, use.kind, use.where) for program, use in case)].append(case)
    found = []
    for alike in groups.values():
        programs, uses = zip(*alike[0], strict=True)
        found.append(Fault(tuple(case[0][1].key for case in alike), uses, programs))
    return found
