"""A member's rows: one for each good of each of its own ledgers, through the graded ledger and the calculation graph.

The claim is what the graph gives, rounded as it is attested; *recalculated* is the same good from the same amounts with
standard factors. Which ledgers are read is the node's own configuration, never a plan's matter: a folder of ledger
files, one for each period, or else what was taken in (`carbonport intake`). A row carries what of the ledger it was
made from, for the gate to decide about.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np

from carbonport.classification.egress import Subject
from carbonport.classification.field_classes import GradingTable
from carbonport.classification.graded_ledger import GradedLedger, graded_ledger
from carbonport.classification.results import Results, calculation_results
from carbonport.errors import Misuse, Refused
from carbonport.federated.features import Rows
from carbonport.federated.plausibility_tasks import (
    COUNTS_ELECTRICITY,
    RECALCULATED,
    ROUTE,
    SEE_INDIRECT,
    route_named,
)
from carbonport.footprint.calculation import GoodResult, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import WORKBOOK_SUFFIXES, YAML_SUFFIXES, read_ledger
from carbonport.footprint.ledger import Ledger, ProductionProcess
from carbonport.footprint.standard_recalculation import with_standard_factors
from carbonport.node.exporter.ledgers import newest_ledgers
from carbonport.node.participant import Participant

MAX_LEDGERS = 1200
"""Ledgers that trainings read: a hundred years of months."""

VIEW = frozenset({ROUTE, RECALCULATED, SEE_INDIRECT})
"""The columns that ledgers can give."""

CLAIM_ITEMS = ("see_direct", "see_indirect")
"""Results that a row is made of, as the gate knows them."""


@dataclass(frozen=True, slots=True, order=True)
class RowKey:
    """Which row it is: one good of an installation over the days from `start` to `end`, both included."""

    installation: str
    process: str
    cn: str
    start: date
    end: date

    def overlaps(self, other: "RowKey") -> bool:
        """Whether both tell of the same good on at least one day."""
        same = (self.installation, self.process, self.cn) == (other.installation, other.process, other.cn)
        return same and self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row, and the graded figures that it was made from: `items` of `subject` in `graded` and `results`."""

    key: RowKey
    route: str
    claim: float = field(repr=False)
    recalculated: float = field(repr=False)
    see_indirect: float = field(repr=False)
    subject: Subject
    items: tuple[str, ...]
    graded: GradedLedger = field(repr=False)
    results: Results = field(repr=False)


def own_ledgers(participant: Participant) -> list[Ledger]:
    """The ledgers that the node's configuration lets trainings read."""
    folder = participant.config.training.ledgers
    if not folder:
        with participant.store.reading() as connection:
            return [stored.ledger for stored in newest_ledgers(connection, limit=MAX_LEDGERS)]
    place = participant.home / folder
    if not place.is_dir():
        raise Misuse(
            "training-ledgers",
            found="no folder there",
            expected="a folder with a ledger for each period",
            remedy="Correct [training] ledgers in the configuration.",
            where=str(place),
        )
    catalogue = Catalogue.load()
    return [read_ledger(path, catalogue) for path in _ledger_files(place)]


def ledger_rows(ledgers: Iterable[Ledger], table: GradingTable) -> list[LedgerRow]:
    """A row for each good that has a known route and specific emissions, ordered by its key.

    Raises `Misuse` (`training-ledgers`) when two ledgers tell of one good on the same day: which one counts?
    """
    rows = sorted((row for ledger in ledgers for row in _rows_of(ledger, table)), key=lambda row: row.key)
    for before, after in pairwise(rows):
        if before.key.overlaps(after.key):
            raise Misuse(
                "training-ledgers",
                found=f"two ledgers about {after.key.process} from {after.key.start} on",
                expected="one ledger for each period",
                remedy="Leave one of them out of the folder.",
                where=after.key.installation,
            )
    return rows


def as_rows(listed: Sequence[LedgerRow]) -> Rows:
    """The rows as tasks read them."""
    return Rows(
        {
            RECALCULATED: np.array([row.recalculated for row in listed], dtype=np.float64),
            SEE_INDIRECT: np.array([row.see_indirect for row in listed], dtype=np.float64),
        },
        {ROUTE: np.array([row.route for row in listed], dtype=np.str_)},
        np.array([row.claim for row in listed], dtype=np.float64),
    )


def _ledger_files(folder: Path) -> list[Path]:
    kinds = (*YAML_SUFFIXES, *WORKBOOK_SUFFIXES)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)
    if len(files) > MAX_LEDGERS:
        raise Refused(
            "training-rows",
            found=f"{len(files)} ledgers",
            expected=f"at most {MAX_LEDGERS}",
            remedy="Keep fewer periods in the folder.",
            where=str(folder),
        )
    return files


def _rows_of(ledger: Ledger, table: GradingTable) -> Iterable[LedgerRow]:
    calculation = calculate(ledger)
    standard = {(good.process, good.cn): good for good in calculate(with_standard_factors(ledger)).goods}
    graded = graded_ledger(ledger, table)
    results = calculation_results(graded, calculation)
    processes = {process.id: process for process in ledger.processes}
    for good in calculation.goods:
        named = _route(processes[good.process])
        recalculated = standard.get((good.process, good.cn))
        if named is None or recalculated is None or "see_direct" not in good.source:
            continue
        route, stated_by = named
        counts = route in COUNTS_ELECTRICITY
        given = [item for item in CLAIM_ITEMS if item in good.source]
        read = [node.path for node in recalculated.graph.inputs() if node.path in ledger.records]
        yield LedgerRow(
            key=RowKey(ledger.installation, good.process, good.cn, ledger.period.start, ledger.period.end),
            route=route,
            claim=float(good.attested("see_direct")) + _attested_indirect(good, counts=counts),
            recalculated=float(
                recalculated.source["see_direct"]
                + (recalculated.source.get("see_indirect", 0) if counts else 0)
            ),
            see_indirect=_attested_indirect(good, counts=True)
            if "see_indirect" in good.source
            else float("nan"),
            subject=Subject(good.process, good.cn),
            items=(stated_by, *given, *sorted(set(read))),
            graded=graded,
            results=results,
        )


def _attested_indirect(good: GoodResult, *, counts: bool) -> float:
    return float(good.attested("see_indirect")) if counts and "see_indirect" in good.source else 0.0


def _route(process: ProductionProcess) -> tuple[str, str] | None:
    """The route of a process and the item that names it; None when none does, or several differ."""
    for item, words in (
        ("route", process.routes),
        ("process_name", (process.label,)),
        ("category", (process.category,)),
    ):
        found = {route for word in words if (route := route_named(word)) is not None}
        if found:
            return (found.pop(), item) if len(found) == 1 else None
    return None
