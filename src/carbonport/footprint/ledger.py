"""The ledger: every figure and fact of an installation's reporting period, with its origin.

A record keeps two values. The *source value* is what the document says (for a workbook the shortest decimal
that reads back as the cell's double); calculations for the operator use it. The *declared value* is the
source value in the catalogue's unit, rounded half up to the catalogue's decimals; commitments, proofs and
attestations use it. Decimals belong to the field, never to the value, so that the precision of a number tells
nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

from carbonport.errors import Malformed

DECLARED_PRECISION = 100
"""Significant digits of the decimal context in which declared values are rounded: enough never to round
twice."""

LEDGER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""Ids of streams, processes and precursors: parts of record paths, so no slash and no space."""


class DataQuality(StrEnum):
    """How a figure came about, best first."""

    MEASURED = "measured"
    CALCULATED = "calculated"
    SUPPLIER = "supplier"
    STANDARD = "standard"
    DEFAULT = "default"
    ESTIMATED = "estimated"


class Direction(StrEnum):
    """Which way a mass-balance stream or an energy flow crosses the boundary; amounts themselves are
    positive.
    """

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands: the document's name and the place in it (`B_EmInst!F17`, a file and its line)."""

    document: str
    location: str

    @property
    def place(self) -> str:
        """Document and place in one line, the document once."""
        if self.location.startswith(self.document):
            return self.location
        return f"{self.document} {self.location}"


@dataclass(frozen=True, slots=True)
class Record:
    """One figure of the ledger.

    `path` is unique in the ledger (`stream/coke/activity_data`); `field` is the catalogue's entry, which
    fixes `field_class`, `unit`, `decimals` and `bits`. `value` is the source value converted exactly to
    `unit`.
    """

    path: str
    field: str
    field_class: str
    source_value: Decimal
    source_unit: str
    value: Decimal
    unit: str
    decimals: int
    bits: int
    source: Source
    quality: DataQuality

    @property
    def declared(self) -> Decimal:
        """The value at the field's decimals, rounded half up: what is committed and attested."""
        with localcontext(prec=DECLARED_PRECISION):
            return self.value.quantize(Decimal(1).scaleb(-self.decimals), rounding=ROUND_HALF_UP)

    @property
    def declared_integer(self) -> int:
        """`declared` in units of its last decimal: the integer a commitment hides."""
        with localcontext(prec=DECLARED_PRECISION):
            return int(self.declared.scaleb(self.decimals))


@dataclass(frozen=True, slots=True)
class Fact:
    """One text of the ledger (a name, a code, a country), with its class and its source."""

    path: str
    field: str
    field_class: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Period:
    """The reporting period, both days included."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class SourceStream:
    """A fuel, material or product whose carbon is counted.

    `method` is `combustion`, `process` or `mass-balance`; `process` names the production process it belongs
    to (empty: to the installation only); `records` maps a catalogue field to the path of the record, for the
    fields the stream states. `standard` names a row of the standard factors (`Natural gas`) that supplies
    what the stream does not state.
    """

    id: str
    label: str
    method: str
    direction: Direction
    process: str
    records: Mapping[str, str]
    standard: str = ""


@dataclass(frozen=True, slots=True)
class Precursor:
    """A purchased precursor consumed by a process: CN code, country of origin, and the records that state it.

    `basis` is `verified` (a verification report covers the period) or `default`.
    """

    id: str
    label: str
    cn: str
    country: str
    process: str
    basis: str
    records: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Good:
    """A product as it leaves: its CN-8 code and the process that makes it."""

    process: str
    cn: str
    label: str


@dataclass(frozen=True, slots=True)
class ProductionProcess:
    """A production process (one per CN and installation, all routes averaged).

    `records` maps catalogue fields (`activity_level`, `electricity`, `waste_gas_export`, ...) to record
    paths. `attributed_by` says where its direct emissions come from: `streams` or the operator's own
    `record`. `electricity_source` says where the stated electricity factor comes from: `direct-line` and
    `ppa` are evidence in the definitive scope (the template's codes D.4.3.1 and D.4.3.2 say the same),
    anything else is not.
    """

    id: str
    label: str
    category: str
    routes: tuple[str, ...]
    attributed_by: str
    records: Mapping[str, str]
    electricity_source: str


@dataclass(frozen=True)
class Ledger:
    """One installation and one reporting period: records and facts by path, and what they belong to.

    A ledger is consistent or is not made: ids are unique and plain, every reference names something that is
    there.
    """

    installation: str
    country: str
    period: Period
    records: Mapping[str, Record]
    facts: Mapping[str, Fact]
    streams: tuple[SourceStream, ...]
    processes: tuple[ProductionProcess, ...]
    precursors: tuple[Precursor, ...]
    goods: tuple[Good, ...]

    def __post_init__(self) -> None:
        check_ledger(self)

    def process(self, process_id: str) -> ProductionProcess:
        """The production process `process_id`."""
        return next(process for process in self.processes if process.id == process_id)

    def goods_of(self, process_id: str) -> tuple[Good, ...]:
        """The goods that leave the process `process_id`."""
        return tuple(good for good in self.goods if good.process == process_id)


def check_ledger(ledger: Ledger) -> None:
    """Raise `Malformed` when ids repeat, a reference leads nowhere, or the period is none."""
    if ledger.period.end < ledger.period.start:
        raise _inconsistent(
            "a period that ends before it starts", "a first and a last day in order", "the period"
        )
    processes = _ids("production process", [process.id for process in ledger.processes])
    _ids("source stream", [stream.id for stream in ledger.streams])
    _ids("precursor", [precursor.id for precursor in ledger.precursors])
    seen: set[tuple[str, str]] = set()
    for good in ledger.goods:
        if (good.process, good.cn) in seen:
            raise _inconsistent(
                "one CN code twice for one process", "one entry per process and CN", f"good {good.cn}"
            )
        seen.add((good.process, good.cn))
        _known_process(good.process, processes, f"good {good.cn}")
    for path, record in ledger.records.items():
        if path != record.path or path in ledger.facts:
            raise _inconsistent("a record under another path, or one path twice", "one record per path", path)
    for stream in ledger.streams:
        _known_records(stream.records, ledger, f"source stream {stream.id}")
        if stream.process:
            _known_process(stream.process, processes, f"source stream {stream.id}")
    for precursor in ledger.precursors:
        _known_records(precursor.records, ledger, f"precursor {precursor.id}")
        _known_process(precursor.process, processes, f"precursor {precursor.id}")
    for process in ledger.processes:
        _known_records(process.records, ledger, f"production process {process.id}")


def _ids(what: str, ids: list[str]) -> frozenset[str]:
    seen: set[str] = set()
    for identifier in ids:
        if not LEDGER_ID.fullmatch(identifier):
            raise Malformed(
                "ledger-id",
                found=f"the id {identifier[:40]!r} of a {what}",
                expected="1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit",
                remedy="Give it a plain id; its name for people goes into the label.",
            )
        if identifier in seen:
            raise Malformed(
                "ledger-duplicate-id",
                found=f"two entries {identifier!r} of the kind {what}",
                expected="an id of its own for each",
                remedy="Rename one of them, or join them when they are the same.",
            )
        seen.add(identifier)
    return frozenset(seen)


def _known_process(process: str, processes: frozenset[str], where: str) -> None:
    if process not in processes:
        raise _inconsistent(f"the production process {process[:40]!r}", "one that the ledger lists", where)


def _known_records(records: Mapping[str, str], ledger: Ledger, where: str) -> None:
    for field, path in records.items():
        record = ledger.records.get(path)
        if record is None or record.field != field:
            raise _inconsistent(
                f"no record of the field {field} at {path}", "a record for every reference", where
            )


def _inconsistent(found: str, expected: str, where: str) -> Malformed:
    return Malformed(
        "ledger-inconsistent",
        found=found,
        expected=expected,
        remedy="Correct the entry in the workbook or ledger file.",
        where=where,
    )
