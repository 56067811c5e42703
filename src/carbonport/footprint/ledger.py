"""The ledger: every figure and fact of an installation's reporting period, with its origin.

A record keeps two values. The *source value* is what the document says (for a workbook the shortest decimal
that reads back as the cell's double); calculations for the operator use it. The *declared value* is the
source value in the catalogue's unit, rounded half up to the catalogue's decimals; commitments, proofs and
attestations use it. Decimals belong to the field, never to the value, so that the precision of a number tells
nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from functools import cached_property

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
class MeasuredHour:
    """One hour of continuous measurement: paths of the flue gas flow, of the concentration (empty: none was
    measured) and of the share of its data points that are valid (empty: all of them).
    """

    flow: str
    concentration: str = ""
    data_share: str = ""


@dataclass(frozen=True, slots=True)
class SourceStream:
    """A fuel, material, product or stack whose carbon or gas is counted.

    `method` is one of `cbam.streams.METHODS`; `process` names the production process or utility it belongs to
    (empty: to the installation only); `records` maps a catalogue field to the path of the record, for the
    fields the stream states. `standard` names a row of the standard factors (`Natural gas`, a smelter
    technology) that supplies what the stream does not state. `gas` is the one that is measured (CO2, N2O).
    `shares` maps processes to the amounts of the activity data that each of them used, when several did.
    """

    id: str
    label: str
    method: str
    direction: Direction
    process: str
    records: Mapping[str, str]
    standard: str = ""
    gas: str = ""
    waste_gas: bool = False
    shares: Mapping[str, str] = field(default_factory=dict)
    hours: tuple[MeasuredHour, ...] = ()


@dataclass(frozen=True, slots=True)
class SupplierCommitment:
    """The supplier's signed commitment to a value that it keeps secret, and what opens it together with the value.

    `statement` is the digest (SHA-256, hex) of the supplier's verification statement, `leaf` (64 bytes, hex) the leaf
    of it that holds the commitment, `blinding` (hex) the commitment's blinding: secret.
    """

    statement: str
    leaf: str
    blinding: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Precursor:
    """A purchased precursor consumed by a process: CN code, country of origin, and the records that state it.

    `basis` is `verified` (a verification report covers the period), `attested` (another exporter's
    attestation, which `evidence` names), `measured` (the supplier's word), `default` or `unknown`. Without a
    CN code its aggregated goods `category` says what it is. `period` is the reporting period that the supplier's
    values are for (None: nobody states it). `attestations` are the digests (SHA-256, hex) of the attestations that
    state an `attested` value; `commitments` has by field those that the supplier committed to and does not show.
    """

    id: str
    label: str
    cn: str
    country: str
    process: str
    basis: str
    records: Mapping[str, str]
    category: str = ""
    evidence: str = ""
    period: Period | None = None
    attestations: tuple[str, ...] = ()
    commitments: Mapping[str, SupplierCommitment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InternalFlow:
    """What one production process passes on to another as a precursor; `records` has `internal_amount`."""

    producer: str
    consumer: str
    records: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Utility:
    """A boiler or a cogeneration unit (`kind` is `boiler` or `chp`) that serves production processes.

    Its emissions are those of the streams that belong to it, or its own record. `reference` names a row of
    the reference efficiencies of cogeneration.
    """

    id: str
    label: str
    kind: str
    records: Mapping[str, str]
    reference: str = ""


@dataclass(frozen=True, slots=True)
class CoProduct:
    """One product of a process whose emissions are split by amounts of substance; `product` is a row of the
    molar masses, `counted` says whether it is the good that the process is about.
    """

    product: str
    counted: bool
    records: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Good:
    """A product as it leaves: its CN-8 code and the process that makes it.

    `records` may state its amount and what a functional unit needs (clinker or nitrogen contained).
    """

    process: str
    cn: str
    label: str
    records: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProductionProcess:
    """A production process (one per CN and installation, all routes averaged).

    `records` maps catalogue fields (`activity_level`, `electricity`, `waste_gas_export`, ...) to record
    paths. `attributed_by` says where its direct emissions come from: `streams` or the operator's own
    `record`. `heat_from` and `electricity_from` name a utility of the installation that supplies its imported
    heat or its electricity. `electricity_source` says where the stated electricity factor comes from:
    `direct-line` and `ppa` are evidence in the definitive scope (the template's codes D.4.3.1 and D.4.3.2 say
    the same), anything else is not.
    """

    id: str
    label: str
    category: str
    routes: tuple[str, ...]
    attributed_by: str
    records: Mapping[str, str]
    electricity_source: str
    heat_from: str = ""
    electricity_from: str = ""
    co_products: tuple[CoProduct, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """One installation and one reporting period: records and facts by path, and what they belong to.

    A ledger is consistent or is not made: ids are unique and plain, every reference names something that is
    there. `totals` maps a field of the processes (`electricity`, ...) to the installation's own figure, which
    the processes' figures are reconciled with.
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
    flows: tuple[InternalFlow, ...] = ()
    utilities: tuple[Utility, ...] = ()
    totals: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_ledger(self)

    def process(self, process_id: str) -> ProductionProcess:
        """The production process `process_id`."""
        return next(process for process in self.processes if process.id == process_id)

    def streams_of(self, owner: str) -> tuple[SourceStream, ...]:
        """The source streams that belong to the process or utility `owner`, wholly or in part, by id."""
        return self._streams_by_owner.get(owner, ())

    @cached_property
    def _streams_by_owner(self) -> Mapping[str, tuple[SourceStream, ...]]:
        owned: dict[str, list[SourceStream]] = {}
        for stream in sorted(self.streams, key=lambda stream: stream.id):
            for owner in (stream.process, *stream.shares):
                owned.setdefault(owner, []).append(stream)
        return {owner: tuple(streams) for owner, streams in owned.items()}

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
    utilities = _ids("utility", [utility.id for utility in ledger.utilities])
    _ids("process or utility", [*processes, *utilities])
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
        _known_records(good.records, ledger, f"good {good.cn}")
    for path, record in ledger.records.items():
        if path != record.path or path in ledger.facts:
            raise _inconsistent("a record under another path, or one path twice", "one record per path", path)
    for stream in ledger.streams:
        _check_stream(stream, ledger, processes | utilities)
    for precursor in ledger.precursors:
        if precursor.period is not None and precursor.period.end < precursor.period.start:
            raise _inconsistent(
                "a period that ends before it starts",
                "a first and a last day in order",
                f"precursor {precursor.id}",
            )
        _known_records(precursor.records, ledger, f"precursor {precursor.id}")
        _known_process(precursor.process, processes, f"precursor {precursor.id}")
    for process in ledger.processes:
        where = f"production process {process.id}"
        _known_records(process.records, ledger, where)
        for utility in filter(None, (process.heat_from, process.electricity_from)):
            _known_process(utility, utilities, where, what="utility")
        for product in process.co_products:
            _known_records(product.records, ledger, where)
    for utility_ in ledger.utilities:
        _known_records(utility_.records, ledger, f"utility {utility_.id}")
    pairs: set[tuple[str, str]] = set()
    for flow in ledger.flows:
        where = f"internal flow {flow.producer} to {flow.consumer}"
        if flow.producer == flow.consumer or (flow.producer, flow.consumer) in pairs:
            raise _inconsistent(
                "a process that supplies itself, or one flow twice", "one flow per pair of processes", where
            )
        pairs.add((flow.producer, flow.consumer))
        _known_process(flow.producer, processes, where)
        _known_process(flow.consumer, processes, where)
        _known_records(flow.records, ledger, where)
    for path in ledger.totals.values():
        if path not in ledger.records:
            raise _inconsistent(f"no record at {path}", "a record for every total", "installation totals")


def _check_stream(stream: SourceStream, ledger: Ledger, owners: frozenset[str]) -> None:
    where = f"source stream {stream.id}"
    _known_records(stream.records, ledger, where)
    if stream.process:
        _known_process(stream.process, owners, where)
    if stream.process and stream.shares:
        raise _inconsistent("one process and shares of several", "one of them", where)
    for owner, path in stream.shares.items():
        _known_process(owner, owners, where)
        if path not in ledger.records:
            raise _inconsistent(f"no record at {path}", "a record for every share", where)
    for hour in stream.hours:
        for path in filter(None, (hour.flow, hour.concentration, hour.data_share)):
            if path not in ledger.records:
                raise _inconsistent(f"no record at {path}", "a record for every hour", where)


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


def _known_process(
    process: str, processes: frozenset[str], where: str, what: str = "production process"
) -> None:
    if process not in processes:
        raise _inconsistent(f"the {what} {process[:40]!r}", "one that the ledger lists", where)


def _known_records(records: Mapping[str, str], ledger: Ledger, where: str) -> None:
    for name, path in records.items():
        record = ledger.records.get(path)
        if record is None or record.field != name:
            raise _inconsistent(
                f"no record of the field {name} at {path}", "a record for every reference", where
            )


def _inconsistent(found: str, expected: str, where: str) -> Malformed:
    return Malformed(
        "ledger-inconsistent",
        found=found,
        expected=expected,
        remedy="Correct the entry in the workbook or ledger file.",
        where=where,
    )
