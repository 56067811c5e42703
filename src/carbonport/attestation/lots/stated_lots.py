"""The lots of a statement: drawn up at the verifier's bench, and taken from a statement that was verified.

Each production process whose activity level is a mass gets a lot. It counts in tonnes at the decimals of a net mass, so
that what is sold is exactly what is attested; an activity level with fewer decimals is scaled by a public power of
ten. A process measured otherwise (electricity in MWh) has none: no tonne of it is sold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carbonport.attestation.good_graphs import GoodGraph
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_terms import LotTerms, StatedLot, width_of
from carbonport.attestation.statement import Statement
from carbonport.crypto.proofs.range_layout import MAX_WIDTH_BITS
from carbonport.footprint.ledger import Ledger

LOT_UNIT = "t"
"""The unit of a lot: requests and attestations state a consignment's net mass in tonnes."""

LOT_DECIMALS = 6
"""Decimals of a lot's quantities, those of an attested net mass: a gram."""

ACTIVITY_LEVEL = "activity_level"
"""The catalogue's field of a process's production."""


@dataclass(frozen=True, slots=True)
class ProductionLevel:
    """The committed activity level of one process: where it stands, and how its leaf is labelled. No value."""

    process: str
    path: str
    decimals: int
    bits: int


@dataclass(frozen=True, slots=True)
class LotWitnessing:
    """Whose cosignatures the lots of a statement need. `node_origin` is the origin of the exporter's own log; any
    `quorum` of `witnesses` (participant ids, sorted), of which up to `dishonest` may lie."""

    node_origin: str
    witnesses: tuple[str, ...]
    quorum: int
    dishonest: int

    @classmethod
    def by(cls, node_origin: str, witnesses: Iterable[str]) -> "LotWitnessing":
        """The smallest quorum of these witnesses that the rule allows, with one dishonest among several."""
        names = tuple(sorted(set(witnesses)))
        dishonest = 1 if len(names) > 1 else 0
        quorum = (len(names) + dishonest) // 2 + 1 if names else 0
        return cls(node_origin, names, min(quorum, len(names)), dishonest)


def production_levels(ledger: Ledger, goods: Sequence[GoodGraph]) -> tuple[ProductionLevel, ...]:
    """The activity levels in tonnes of the processes that make these goods, by process."""
    found = []
    for process in sorted({good.process for good in goods}):
        record = ledger.records.get(ledger.process(process).records.get(ACTIVITY_LEVEL, ""))
        if record is None or record.unit != LOT_UNIT or record.decimals > LOT_DECIMALS:
            continue
        if width_of(record.bits, record.decimals, LOT_DECIMALS) <= MAX_WIDTH_BITS:
            found.append(ProductionLevel(process, record.path, record.decimals, record.bits))
    return tuple(found)


def lot_terms(
    levels: Iterable[ProductionLevel], witnessing: LotWitnessing, *, installation: str, period: str
) -> tuple[LotTerms, ...]:
    """What the statement says of its lots; raises `Malformed` (`lot-quorum-rule`) for a quorum too small."""
    return tuple(
        LotTerms(
            process=level.process,
            path=level.path,
            origin=Lot.of(installation, level.process, period).origin(witnessing.node_origin),
            unit=LOT_UNIT,
            decimals=LOT_DECIMALS,
            bits=width_of(level.bits, level.decimals, LOT_DECIMALS),
            witnesses=witnessing.witnesses,
            quorum=witnessing.quorum,
            dishonest=witnessing.dishonest,
        )
        for level in levels
    )


def stated_lots(statement: Statement, digest: str) -> tuple[StatedLot, ...]:
    """Every lot of a statement, which the caller has verified; `digest` is the statement's (SHA-256, hex)."""
    return tuple(
        StatedLot(
            lot=Lot.of(statement.installation, terms.process, statement.period),
            terms=terms,
            exporter=statement.exporter,
            digest=digest,
            version=statement.version,
            supersedes=statement.supersedes,
            root=statement.root,
            leaf_count=statement.leaf_count,
        )
        for terms in statement.lots
    )


def stated_lot(statement: Statement, digest: str, process: str) -> StatedLot | None:
    """The lot of one process; None when the statement names none for it."""
    return next((each for each in stated_lots(statement, digest) if each.lot.process == process), None)
