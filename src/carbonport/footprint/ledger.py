"""The ledger: every figure and fact of an installation's reporting period, with its origin.

A record keeps two values. The *source value* is what the document says (for a workbook the shortest decimal that
reads back as the cell's double); calculations for the operator use it. The *declared value* is the source value in the
catalogue's unit, rounded half up to the catalogue's decimals; commitments, proofs and attestations use it. Decimals
belong to the field, never to the value, so that the precision of a number tells nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

DECLARED_PRECISION = 100
"""Significant digits of the decimal context in which declared values are rounded: enough never to round twice."""


class DataQuality(StrEnum):
    """How a figure came about, best first."""

    MEASURED = "measured"
    CALCULATED = "calculated"
    SUPPLIER = "supplier"
    STANDARD = "standard"
    DEFAULT = "default"
    ESTIMATED = "estimated"


class Direction(StrEnum):
    """Which way a mass-balance stream or an energy flow crosses the boundary; amounts themselves are positive."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands: the document's name and the place in it (`B_EmInst!F17`, `streams[2].activity`)."""

    document: str
    location: str


@dataclass(frozen=True, slots=True)
class Record:
    """One figure of the ledger.

    `path` is unique in the ledger (`stream/coke/activity_data`); `field` is the catalogue's entry, which fixes
    `field_class`, `unit`, `decimals` and `bits`. `value` is the source value converted exactly to `unit`.
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

    `method` is `combustion`, `process` or `mass-balance`; `process` names the production process it belongs to;
    `records` maps a catalogue field to the path of the record, for the fields the stream states.
    """

    id: str
    label: str
    method: str
    direction: Direction
    process: str
    records: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Precursor:
    """A purchased precursor consumed by a process: CN code, country of origin, and the records that state it."""

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

    `records` maps catalogue fields (`activity_level`, `electricity`, `waste_gas_export`, ...) to record paths.
    `attributed_by` says where its direct emissions come from: `streams` or the operator's own `record`.
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
    """One installation and one reporting period: records and facts by path, and what they belong to."""

    installation: str
    country: str
    period: Period
    records: Mapping[str, Record]
    facts: Mapping[str, Fact]
    streams: tuple[SourceStream, ...]
    processes: tuple[ProductionProcess, ...]
    precursors: tuple[Precursor, ...]
    goods: tuple[Good, ...]
