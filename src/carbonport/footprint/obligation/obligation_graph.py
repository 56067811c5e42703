"""The graphs of obligations: one per *shape*, whatever the numbers.

A shape says which rules apply (default or actual values, with or without allocation, exempt or not); lines of
one shape share one graph. Figures of tables are inputs of it like figures of the line, and the line's own
ledger names the row of the table each came from (`line_ledger`).

    embedded      = quantity x SEE
    SEFA          = free share x CSCF x benchmark + sum(m_i x SEFA_i)          2620 Eq 2, 4, 6
    FAA           = SEFA x quantity                                            2620 Eq 1
    certificates  = max(0, embedded - FAA - reduction for the price paid)      per line, never netted

Default values carry the mark-up and are rounded half up to 3 decimals after it; euros to cents. Nothing else
is rounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from carbonport.footprint.graph import Graph
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import DataQuality, Ledger, Period, Record, Source
from carbonport.footprint.obligation.carbon_price import ReductionRule
from carbonport.footprint.tables.rule_tables import PublishedNumber

MARKUP_DECIMALS = 3
"""Decimals of a default value with mark-up (2025/2621 Annex I)."""

EURO_DECIMALS = 2
"""Cents."""

FIGURE_DECIMALS, FIGURE_BITS = 30, 200
"""Declared width of inputs. Obligations are never committed to; the ledger asks for one."""

MAX_SHAPES = 4096
"""Graphs kept at once: a few dozen shapes are in use, a hostile file can ask for more."""

NO_CERTIFICATES = {
    "origin": "Regulation (EU) 2023/956 Annex III point 1: goods of this origin are outside CBAM",
    "threshold": "Regulation (EU) 2023/956 Article 2a: the importer's year does not exceed 50 t",
}
"""Why a line owes nothing, with the law."""


class SeeBasis(StrEnum):
    """Where specific embedded emissions come from."""

    DEFAULT = "default"
    PUBLISHED = "published"
    ACTUAL = "actual"


class Allocation(StrEnum):
    """Where the specific embedded free allocation comes from."""

    NONE = "none"
    BENCHMARK = "benchmark"
    STATED = "stated"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which rules apply to a line. `exempt` is a key of `NO_CERTIFICATES` or empty."""

    basis: SeeBasis
    indirect: bool
    allocation: Allocation
    precursors: int
    clinker: bool
    nitrogen: bool
    reduction: ReductionRule | None
    exempt: str
    unit: str = "t"


INPUTS: Mapping[str, tuple[str, str]] = {
    "line/quantity": ("t", "net mass"),
    "line/clinker_share": ("t/t", "clinker contained"),
    "line/nitrogen": ("kgN/t", "nitrogen contained"),
    "line/price": ("EUR/tCO2e", "price of a certificate"),
    "line/see_direct": ("tCO2e/t", "actual specific direct embedded emissions"),
    "line/see_indirect": ("tCO2e/t", "actual specific indirect embedded emissions"),
    "line/sefa": ("tCO2e/t", "specific embedded free allocation as the operator states it"),
    "line/paid": ("EUR", "carbon price effectively paid"),
    "default/value": ("tCO2e/t", "default value"),
    "default/markup": ("1", "mark-up"),
    "year/free_share": ("1", "free share that remains"),
    "year/cscf": ("1", "cross-sectoral correction factor"),
    "benchmark/own": ("tCO2e/t", "benchmark"),
}
"""Inputs by path: unit and name. Precursors add `precursor/<n>/ratio` and `precursor/<n>/benchmark`."""


@lru_cache(maxsize=MAX_SHAPES)
def obligation_graph(shape: Shape) -> Graph:
    """The graph of a shape; results `see`, `embedded_t`, `sefa`, `free_allocation_t`, `reduction_t`,
    `certificates`, `cost_eur`."""
    ledger = line_ledger({path: Decimal(0) for path in _paths(shape)}, {}, shape)
    builder = GraphBuilder(ledger)

    def given(path: str) -> NodeId:
        return builder.input(path, _named(path)[1])

    quantity = given("line/quantity")
    if shape.clinker:
        quantity = builder.product(
            "quantity/functional",
            "t",
            [quantity, given("line/clinker_share")],
            label="clinker contained",
            equation="2547 Annex III Eq 64",
        )
    see = _specific(builder, shape)
    embedded = builder.product(
        "embedded", "tCO2e", [quantity, see], label="embedded emissions", equation="quantity × SEE"
    )
    terms = [(1, embedded)]
    if shape.allocation is not Allocation.NONE:
        sefa = _sefa(builder, shape)
        free = builder.product(
            "free_allocation",
            "tCO2e",
            [sefa, quantity],
            label="free allocation adjustment",
            equation="2620 Eq 1: FAA = SEFA × mass",
        )
        builder.output("sefa", sefa)
        terms.append((-1, free))
    else:
        free = _nothing(builder, "free_allocation/none", "no free allocation for this good")
    builder.output("free_allocation_t", free)
    if shape.reduction is not None:
        reduction = shape.reduction.build(
            builder, paid=given("line/paid"), price=given("line/price"), embedded=embedded
        )
        builder.output("reduction_t", reduction)
        terms.append((-1, reduction))
    certificates = _certificates(builder, shape, terms)
    cost = builder.product(
        "cost/full", "EUR", [certificates, given("line/price")], label="cost, not rounded", equation=""
    )
    builder.output("see", see)
    builder.output("embedded_t", embedded)
    builder.output("certificates", certificates)
    builder.output(
        "cost_eur", builder.round("cost", cost, EURO_DECIMALS, label="cost of the certificates", equation="")
    )
    return builder.build()


def line_ledger(
    values: Mapping[str, Decimal], places: Mapping[str, tuple[str, str]], shape: Shape, year: int = 2026
) -> Ledger:
    """One line's figures as a ledger, for the readers: `places` gives document and place by path."""
    records = {}
    for path, value in values.items():
        unit = _unit(path, shape)
        name = path.rpartition("/")[2]
        document, location = places.get(path, ("import line", name))
        records[path] = Record(
            path=path,
            field=name,
            field_class="customs",
            source_value=value,
            source_unit=unit,
            value=value,
            unit=unit,
            decimals=FIGURE_DECIMALS,
            bits=FIGURE_BITS,
            source=Source(document, location),
            quality=_quality(path),
        )
    return Ledger(
        installation="",
        country="",
        period=Period(date(year, 1, 1), date(year, 12, 31)),
        records=records,
        facts={},
        streams=(),
        processes=(),
        precursors=(),
        goods=(),
    )


def _paths(shape: Shape) -> Sequence[str]:
    numbered = [
        f"precursor/{number}/{figure}"
        for number in range(1, shape.precursors + 1)
        for figure in ("ratio", "benchmark")
    ]
    return [*INPUTS, *numbered]


def _named(path: str) -> tuple[str, str]:
    if path in INPUTS:
        return INPUTS[path]
    _, number, figure = path.split("/")
    if figure == "ratio":
        return "t/t", f"precursor {number}: amount per tonne of good"
    return "tCO2e/t", f"precursor {number}: benchmark"


def _unit(path: str, shape: Shape) -> str:
    unit = _named(path)[0]
    if path.startswith("line/see") and shape.nitrogen:
        return "tCO2e/kgN"
    if shape.unit != "t":
        return {"t": shape.unit, "tCO2e/t": f"tCO2e/{shape.unit}"}.get(unit, unit)
    return unit


def _quality(path: str) -> DataQuality:
    """Default values say so; what the supplier or the importer states and what is published keep apart."""
    if path == "default/value":
        return DataQuality.DEFAULT
    if path.startswith("line/see") or path == "line/sefa" or path.endswith("/ratio"):
        return DataQuality.SUPPLIER
    return DataQuality.MEASURED if path in ("line/quantity", "line/paid") else DataQuality.STANDARD


def _specific(builder: GraphBuilder, shape: Shape) -> NodeId:
    """SEE: the default value with its mark-up, or the actual values that count."""
    unit = _unit("default/value", shape)
    if shape.exempt == "origin":
        return _nothing(builder, "see", NO_CERTIFICATES["origin"], unit)
    if shape.basis is SeeBasis.PUBLISHED:
        return builder.input("default/value", "default value with mark-up, as published")
    if shape.basis is SeeBasis.DEFAULT:
        factor = builder.sum(
            "default/factor",
            "1",
            [(1, builder.one()), (1, builder.input("default/markup", INPUTS["default/markup"][1]))],
            label="one and the mark-up",
            equation="",
        )
        full = builder.product(
            "default/marked_up",
            unit,
            [builder.input("default/value", INPUTS["default/value"][1]), factor],
            label="default value with mark-up, not rounded",
            equation="2621 Annex I",
        )
        return builder.round(
            "see", full, MARKUP_DECIMALS, label="default value with mark-up", equation="2621 Annex I"
        )
    see = builder.input("line/see_direct", INPUTS["line/see_direct"][1])
    if shape.indirect:
        indirect = builder.input("line/see_indirect", INPUTS["line/see_indirect"][1])
        see = builder.sum(
            "see/total",
            _unit("line/see_direct", shape),
            [(1, see), (1, indirect)],
            label="actual specific embedded emissions",
            equation="2023/956 Article 7: indirect emissions count for this good",
        )
    if shape.nitrogen:
        see = builder.product(
            "see",
            unit,
            [see, builder.input("line/nitrogen", INPUTS["line/nitrogen"][1])],
            label="specific embedded emissions per tonne",
            equation="2547 Annex III Eq 65, 66",
        )
    return see


def _sefa(builder: GraphBuilder, shape: Shape) -> NodeId:
    if shape.allocation is Allocation.STATED:
        return builder.input("line/sefa", INPUTS["line/sefa"][1])
    share = builder.input("year/free_share", INPUTS["year/free_share"][1])
    correction = builder.input("year/cscf", INPUTS["year/cscf"][1])
    unit = _unit("benchmark/own", shape)
    equation = "2620 Eq 2" if shape.basis is SeeBasis.ACTUAL else "2620 Eq 6"
    own = builder.product(
        "sefa/own" if shape.precursors else "sefa",
        unit,
        [share, correction, builder.input("benchmark/own", INPUTS["benchmark/own"][1])],
        label="specific free allocation of the process" if shape.precursors else "specific free allocation",
        equation=f"{equation}: CBAM × CSCF × benchmark",
    )
    if not shape.precursors:
        return own
    terms = [(1, own)]
    for number in range(1, shape.precursors + 1):
        ratio, benchmark = f"precursor/{number}/ratio", f"precursor/{number}/benchmark"
        terms.append(
            (
                1,
                builder.product(
                    f"precursor/{number}/sefa",
                    unit,
                    [
                        builder.input(ratio, _named(ratio)[1]),
                        share,
                        correction,
                        builder.input(benchmark, _named(benchmark)[1]),
                    ],
                    label=f"precursor {number}: free allocation per tonne of good",
                    equation="2620 Eq 4: m × SEFA",
                ),
            )
        )
    return builder.sum("sefa", unit, terms, label="specific embedded free allocation", equation="2620 Eq 4")


def _certificates(builder: GraphBuilder, shape: Shape, terms: list[tuple[int, NodeId]]) -> NodeId:
    if shape.exempt:
        return _nothing(builder, "certificates", NO_CERTIFICATES[shape.exempt])
    net = builder.sum("net", "tCO2e", terms, label="emissions not covered", equation="")
    return builder.floor(
        "certificates",
        "tCO2e",
        net,
        label="certificates",
        equation="max(0, embedded - free allocation - reduction), per good, never netted",
    )


def _nothing(builder: GraphBuilder, node_id: str, source: str, unit: str = "tCO2e") -> NodeId:
    return builder.constant(node_id, PublishedNumber(Decimal(0), unit, source), source)
