"""Many lines at once: columns give what single evaluation gives, a bad line spoils no other, a year adds up."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.footprint.evaluate import evaluate
from carbonport.footprint.evaluate_columns import evaluate_columns
from carbonport.footprint.graph import Constant, Floor, Graph, Input, Node, Product, Quotient, Round, Sum
from carbonport.footprint.obligation.assess import Obligation, assess
from carbonport.footprint.obligation.batch import assess_lines
from carbonport.footprint.obligation.calendar_year import YearMasses, year_totals
from carbonport.footprint.obligation.carbon_price import CarbonPricePayment
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.import_table import (
    RESULT_COLUMNS,
    ForAllLines,
    ImportTable,
    period_of,
    result_row,
    versions_text,
)
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables

TABLES = ObligationTables.load()
FINDER = RuleFinder(TABLES)

figures = st.decimals(min_value=0, max_value=10**9, places=5, allow_nan=False, allow_infinity=False)
GOODS = ("72071111", "28142000", "25232900", "76011010", "28041000", "31021012", "99999999", "25231000")


@st.composite
def import_lines(draw: Callable[[st.SearchStrategy[object]], object]) -> ImportLine:
    number: Callable[[], Decimal] = lambda: draw(figures)  # type: ignore[assignment,return-value] # noqa: E731
    actual = bool(draw(st.booleans()))
    paid = (CarbonPricePayment(number(), "D", "C"),) if draw(st.booleans()) else ()
    return ImportLine(
        cn=str(draw(st.sampled_from(GOODS))),
        origin=str(draw(st.sampled_from(("TR", "CN", "AL", "BT", "CH", "ZZ")))),
        tonnes=number() + 1,
        year=2026 + int(str(draw(st.integers(0, 12)))),
        price=number() + 1,
        route=str(draw(st.sampled_from(("", "A", "B", "C", "K")))),
        see_direct=number() if actual else None,
        see_indirect=number() if actual and draw(st.booleans()) else None,
        paid=paid,
        below_threshold=bool(draw(st.booleans())),
    )


def alone_or_error(line: ImportLine) -> Obligation | CarbonportError:
    try:
        return assess(line, FINDER)
    except CarbonportError as error:
        return error


@settings(max_examples=40)
@given(st.lists(import_lines(), max_size=12))
def test_a_batch_answers_each_line_as_if_it_were_alone(lines: list[ImportLine]) -> None:
    for line, outcome in zip(lines, assess_lines(lines, FINDER), strict=True):
        alone = alone_or_error(line)
        if isinstance(alone, CarbonportError):
            assert isinstance(outcome, CarbonportError)
            assert outcome.id == alone.id
            continue
        assert isinstance(outcome, Obligation)
        for name in ("see", "embedded_t", "free_allocation_t", "reduction_t", "certificates", "cost_eur"):
            assert getattr(outcome, name) == getattr(alone, name), name
        assert outcome.against_default == alone.against_default
        assert outcome.prepared.notes == alone.prepared.notes


def _graph(*, divides: bool) -> Graph:
    def name(node_id: str) -> tuple[str, str, str, str]:
        return node_id, "1", node_id, ""

    nodes: list[Node] = [
        Input(*name("a"), path="a", decimals=5, bits=64),
        Input(*name("b"), path="b", decimals=5, bits=64),
        Constant(*name("c"), value=Decimal("1.5"), source="test"),
        Sum(*name("none"), terms=()),
        Sum(*name("d"), terms=((-1, "a"), (1, "b"), (1, "c"))),
        Product(*name("p"), factors=("d", "b", "c")),
        Floor(*name("f"), of="p"),
        Round(*name("r"), of="p", decimals=2),
    ]
    if divides:
        nodes.append(Quotient(*name("q"), numerator="a", denominator="c"))
        nodes.append(Round(*name("s"), of="q", decimals=3))
    return Graph(tuple(nodes), {"out": "r"})


@settings(max_examples=60)
@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=6), st.booleans())
def test_columns_are_what_single_evaluation_gives(rows: list[tuple[Decimal, Decimal]], divides: bool) -> None:
    graph = _graph(divides=divides)
    columns = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    many = evaluate_columns(graph, columns, len(rows))
    for place, (a, b) in enumerate(rows):
        assert {key: Fraction(column[place]) for key, column in many.items()} == evaluate(
            graph, {"a": a, "b": b}
        )


def test_columns_that_do_not_fit_are_refused() -> None:
    graph = _graph(divides=False)
    with pytest.raises(Misuse):
        evaluate_columns(graph, {"a": [Decimal(1)], "b": []}, 1)
    with pytest.raises(Malformed):
        evaluate_columns(graph, {"a": [Decimal(1)]}, 1)
    with pytest.raises(Malformed):
        evaluate_columns(graph, {"a": [Decimal("NaN")], "b": [Decimal(1)]}, 1)
    with pytest.raises(Malformed) as caught:
        evaluate_columns(graph, {"a": [Decimal("1e4000")], "b": [Decimal(1)]}, 1)
    assert caught.value.id == "number-out-of-bounds"


def test_a_table_of_imports_is_read_and_answered() -> None:
    table = ImportTable(["CN Code", "Origin", "net_mass_t", "date", "Remark", "importer"], TABLES.prices)
    row = table.read(2, ["7207 11 11", "TR", "100", "2026-05-31", "=HYPERLINK()", "DE1"])
    assert isinstance(row.line, ImportLine)
    assert row.line.price == Decimal("75.28")
    cells = result_row(row, assess(row.line, FINDER), versions_text(TABLES.versions))
    result = dict(zip([*RESULT_COLUMNS, *table.copied], cells, strict=True))
    assert (result["certificates"], result["embedded_t"]) == ("121.11", "254.1")
    assert result["Remark"] == "'=HYPERLINK()"
    assert "benchmarks.csv 2025-2620" in result["tables"]


@pytest.mark.parametrize(
    ("cells", "error_id"),
    [
        (["72071111", "TR", "100"], "obligation-row"),
        (["72071111", "TR", "1e400", "2026", "80"], "number-out-of-bounds"),
        (["72071111", "TR", "NaN", "2026", "80"], "number-unreadable"),
        (["72071111", "TR", "1,5", "2026", "80"], "number-unreadable"),
        (["72071111", "TR", "-1", "2026", "80"], "obligation-line"),
        (["72071111", "TR", "1", "26", "80"], "obligation-row"),
        (["72071111", "TR", "1", "2026", ""], "obligation-price-missing"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(cells: list[str], error_id: str) -> None:
    row = ImportTable(["cn", "origin", "tonnes", "year", "price"], TABLES.prices).read(7, cells)
    assert isinstance(row.line, CarbonportError)
    assert row.line.id == error_id
    written = result_row(row, row.line, "")
    assert written[RESULT_COLUMNS.index("error")] == error_id
    assert len(written) == len(RESULT_COLUMNS)


@pytest.mark.parametrize("header", [["origin", "tonnes"], ["cn", "cn", "origin", "tonnes"], ["cn"] * 300])
def test_a_header_that_lacks_a_column_is_refused(header: list[str]) -> None:
    with pytest.raises(Malformed) as caught:
        ImportTable(header, TABLES.prices)
    assert caught.value.id == "obligation-header"


def test_what_is_said_once_holds_for_lines_that_say_nothing() -> None:
    table = ImportTable(["cn", "tonnes", "price"], TABLES.prices, ForAllLines("2027", "70", "", "TR"))
    own = table.read(2, ["72071111", "5", "90"]).line
    said = table.read(3, ["72071111", "5", ""]).line
    assert isinstance(own, ImportLine)
    assert isinstance(said, ImportLine)
    assert (own.price, said.price, said.year, said.origin) == (Decimal(90), Decimal(70), 2027, "TR")


@pytest.mark.parametrize(("text", "period"), [("Q1", "2026-Q1"), ("2", "2026-Q2"), ("2027-W05", "2027-W05")])
def test_periods_are_written_in_several_ways(text: str, period: str) -> None:
    assert period_of(text, "2026") == period


def test_fifty_tonnes_are_exempt_and_a_gram_more_is_not() -> None:
    masses = YearMasses(FINDER)
    masses.add("exact", 2026, "72071111", "TR", Decimal(20))
    masses.add("exact", 2026, "76011010", "CN", Decimal(30))
    masses.add("exact", 2026, "28041000", "CN", Decimal(500))  # hydrogen does not count
    masses.add("exact", 2026, "72071111", "CH", Decimal(500))  # nor do goods that are outside CBAM
    masses.add("above", 2026, "72071111", "TR", Decimal("50.000001"))
    masses.add("exact", 2027, "72071111", "TR", Decimal(51))
    assert masses.exempt("exact", 2026)
    assert not masses.exempt("above", 2026)
    assert not masses.exempt("exact", 2027)


def test_a_year_adds_lines_up_and_nets_none() -> None:
    def line(**more: Decimal | str) -> ImportLine:
        values = {"tonnes": Decimal(100), "year": 2026, "price": Decimal(80), **more}
        return ImportLine("72071111", "TR", **values)  # type: ignore[arg-type]

    owing = assess(line(), FINDER)
    free = assess(line(see_direct=Decimal(0), route="C"), FINDER)
    total = year_totals([("DE1", owing), ("DE1", free), ("DE2", free)])
    assert total["DE1", 2026].certificates == Fraction("121.11")
    assert total["DE1", 2026].net_mass_t == 200
    assert total["DE1", 2026].saving_eur == Fraction("9688.80")
    assert total["DE2", 2026].cost_eur == 0
    joined = total["DE1", 2026]
    joined.join(total["DE2", 2026])
    assert (joined.lines, joined.default_lines, joined.certificates) == (3, 1, Fraction("121.11"))
