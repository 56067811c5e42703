"""The tasks that nodes train together: by name and version, with a hash of everything their definition says.

A plan names one of these and its hash, so that a member whose program defines the task otherwise notices before it
answers anything. A packaged task has parts, trained one after the other over the same rows: *plausibility* has the two
scores. Parts for which members are divided into buckets say so; the others count each member once, or share of rows by
share, which a poisoned member moves little.
"""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import Misuse
from carbonport.federated.features import PublicRange, Rows
from carbonport.federated.gap_filling import GAP_TASK
from carbonport.federated.plausibility_tasks import (
    CLAIMS,
    INDEPENDENT_TASK,
    PRIVATE_INDEPENDENT_TASK,
    RECALCULATED,
    RECALCULATION_TASK,
)
from carbonport.federated.private_plausibility import INDEPENDENT_RELEASES, RECALCULATION_RELEASES
from carbonport.federated.recalculation import RecalculationTask
from carbonport.federated.training import Model, Task

RECALCULATION, INDEPENDENT, GAP_FILLING = "recalculation", "independent", "gap-filling"
"""Names of the parts."""


@dataclass(frozen=True)
class PackagedTask:
    """A task as it is shipped. `parts` in the order of their training; `bucketed` are those that are trained once a
    bucket where a plan has buckets. `releases` says for how many exchanges of each part noise is counted; it is empty
    for a task that is not made for noise. `scale` is the public range on which models are judged, beside the plain
    default in `default_column` (0 where there is none: a straight line)."""

    name: str
    version: int
    parts: Mapping[str, Task[Model]] = field(repr=False)
    scale: PublicRange
    default_column: str = ""
    bucketed: frozenset[str] = frozenset()
    releases: Mapping[str, int] = field(default_factory=dict, repr=False)

    @cached_property
    def definition(self) -> str:
        """SHA-256 (hex) of everything that the definition says."""
        stated: Json = {
            "name": self.name,
            "version": self.version,
            "releases": dict(self.releases),
            "bucketed": sorted(self.bucketed),
            "scale": self.scale.as_json(),
            "default": self.default_column,
            "parts": [[name, _stated(task)] for name, task in self.parts.items()],
        }
        return hashlib.sha256(canonical_bytes(stated)).hexdigest()

    @property
    def view(self) -> tuple[str, ...]:
        """Columns that any part reads, the target aside, each once."""
        return tuple(dict.fromkeys(name for task in self.parts.values() for name in task.view))

    def usable(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows that count for every part: the parts stand on the same rows."""
        chosen = np.ones(len(rows), dtype=bool)
        for task in self.parts.values():
            chosen &= task.usable(rows)
        return chosen

    def among(self, members: int) -> Mapping[str, Task[Model]]:
        """The parts for a training of so many members, which a task for noise counts instead of asking."""
        return MappingProxyType(
            {
                name: replace(task, private_members=members)
                if isinstance(task, RecalculationTask) and self.releases
                else task
                for name, task in self.parts.items()
            }
        )


PLAUSIBILITY = PackagedTask(
    "plausibility",
    1,
    MappingProxyType({RECALCULATION: RECALCULATION_TASK, INDEPENDENT: INDEPENDENT_TASK}),
    CLAIMS,
    RECALCULATED,
    bucketed=frozenset({INDEPENDENT}),
)
"""The two scores of plausibility."""

PLAUSIBILITY_FOR_NOISE = PackagedTask(
    "plausibility-for-noise",
    1,
    MappingProxyType({RECALCULATION: RECALCULATION_TASK, INDEPENDENT: PRIVATE_INDEPENDENT_TASK}),
    CLAIMS,
    RECALCULATED,
    releases=MappingProxyType({RECALCULATION: RECALCULATION_RELEASES, INDEPENDENT: INDEPENDENT_RELEASES}),
)
"""The two scores, learned from sums with noise: nobody is asked who has which route."""

GAPS = PackagedTask("gap-filling", 1, MappingProxyType({GAP_FILLING: GAP_TASK}), GAP_TASK.target)
"""Estimates for missing meter readings."""

PACKAGED: Mapping[tuple[str, int], PackagedTask] = MappingProxyType(
    {(task.name, task.version): task for task in (PLAUSIBILITY, PLAUSIBILITY_FOR_NOISE, GAPS)}
)
"""Every packaged task by name and version."""


def packaged_task(name: str, version: int) -> PackagedTask:
    """The task; Misuse (`training-task`) when this program has none of that name and version."""
    found = PACKAGED.get((name, version))
    if found is None:
        raise Misuse(
            "training-task",
            found=f"the task {name[:40]!r} in version {version}",
            expected=" or ".join(f"{known} in version {number}" for known, number in PACKAGED),
            remedy="Use a version of the program that has the task.",
        )
    return found


def _stated(value: object) -> Json:
    """Everything that a definition says, as JSON: classes by name, numbers as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | Fraction):
        return repr(value)
    if isinstance(value, Mapping):
        return [[_stated(key), _stated(item)] for key, item in value.items()]
    if isinstance(value, Set):
        return sorted(str(item) for item in value)
    if isinstance(value, tuple | list):
        return [_stated(item) for item in value]
    if is_dataclass(value):
        stated = [[each.name, _stated(getattr(value, each.name))] for each in fields(value)]
        return {"class": type(value).__name__, "fields": stated}
    raise TypeError(f"a definition with a {type(value).__name__}")
