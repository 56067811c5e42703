"""One line of imports: default and actual values, fallbacks, benchmarks, exemptions, prices paid, explanations."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.footprint.explain import recompute
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.obligation.assess import Obligation, assess, explain_obligation, explanation_of
from carbonport.footprint.obligation.carbon_price import CarbonPricePayment
from carbonport.footprint.obligation.import_line import ImportLine, PrecursorShare
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables, TableChoice


@pytest.fixture(scope="module")
def december() -> RuleFinder:
    return RuleFinder(ObligationTables.load(TableChoice(state="2025-12")))


@pytest.fixture(scope="module")
def newest() -> RuleFinder:
    return RuleFinder(ObligationTables.load())


def line(cn: str, origin: str, **given: object) -> ImportLine:
    values: dict[str, object] = {"tonnes": Decimal(100), "year": 2026, "price": Decimal(80)}
    return ImportLine(cn=cn, origin=origin, **{**values, **given})  # type: ignore[arg-type]


def test_the_contract_line(december: RuleFinder) -> None:
    owed = assess(line("72071111", "TR"), december)
    assert (owed.embedded_t, owed.free_allocation_t) == (Fraction("254.1"), Fraction("132.99"))
    assert (owed.certificates, owed.cost_eur) == (Fraction("121.11"), Fraction("9688.80"))
    assert owed.default_used
    assert owed.prepared.rules.markup == Decimal("0.10")
    assert owed.prepared.notes == ()


@pytest.mark.parametrize(
    ("year", "markup", "share"),
    [
        (2026, "1.1", "0.975"),
        (2027, "1.2", "0.95"),
        (2028, "1.3", "0.9"),
        (2033, "1.3", "0.14"),
        (2040, "1.3", "0"),
    ],
)
def test_markup_and_free_share_by_year(december: RuleFinder, year: int, markup: str, share: str) -> None:
    owed = assess(line("72071111", "TR", year=year), december)
    assert owed.see == Fraction("2.31") * Fraction(markup)
    assert owed.free_allocation_t == 100 * Fraction(share) * Fraction("1.364")


def test_fertilisers_have_a_markup_of_one_percent(december: RuleFinder) -> None:
    owed = assess(line("28080000", "AL", year=2028), december)
    assert owed.see == Fraction("2.788")  # 2.760 x 1.01 = 2.7876, half up to three decimals


def test_a_country_without_a_row_takes_other_countries(december: RuleFinder) -> None:
    owed = assess(line("72071111", "BT"), december)
    default = owed.prepared.rules.default
    assert default is not None
    assert default.fallback
    assert default.value.country == "other"
    assert any("other countries" in note for note in owed.prepared.notes)


def test_the_newest_state_corrects_china(december: RuleFinder, newest: RuleFinder) -> None:
    before = assess(line("72052100", "CN"), december).prepared.rules
    after = assess(line("72052100", "CN"), newest).prepared.rules
    assert before.default is not None
    assert after.default is not None
    assert before.default.value.routes == ("C",)
    assert after.default.value.routes == ("C", "F")
    # Low alloy goods under a heading whose row said C: F is what the correction names.
    assert before.benchmark is not None
    assert after.benchmark is not None
    assert before.benchmark.route == after.benchmark.route == "F"
    assert "corrected" in after.places["default/value"][1]


def test_grey_and_white_clinker_are_told_apart(december: RuleFinder) -> None:
    white = assess(line("2523100010", "CN"), december)
    grey = assess(line("2523100090", "CN"), december)
    assert (white.see, grey.see) == (Fraction("1.43"), Fraction("1.529"))
    assert assess(line("25231000", "CN", route="B"), december).see == white.see
    assert assess(line("25231000", "CN", route="A"), december).see == grey.see
    with pytest.raises(Misuse) as caught:
        assess(line("25231000", "CN"), december)
    assert caught.value.id == "obligation-default-ambiguous"
    sole = assess(line("25231000", "AL"), december)
    assert any("grade A" in note for note in sole.prepared.notes)


def test_white_clinker_of_a_country_that_has_only_grey_falls_back(december: RuleFinder) -> None:
    default = assess(line("2523100010", "AL"), december).prepared.rules.default
    assert default is not None
    assert default.fallback
    assert default.value.routes == ("B",)


def test_unknown_origin_of_a_precursor_takes_annex_iv(december: RuleFinder) -> None:
    values = december.tables.defaults
    assert values.find_unknown_origin("28080000").total == Decimal("3.080")
    assert values.find_unknown_origin("25231000", "B").total == Decimal("1.410")
    assert values.find_unknown_origin("2523100090").total == Decimal("1.440")


def test_years_of_production_choose_the_benchmark(december: RuleFinder) -> None:
    early = assess(line("72191100", "CN", year=2027), december)
    late = assess(line("72191100", "CN", year=2028), december)
    stock = assess(line("72191100", "CN", year=2028, production_year=2027), december)
    benchmarks = [
        each.prepared.rules.benchmark.value for each in (early, late, stock) if each.prepared.rules.benchmark
    ]
    assert benchmarks == [Decimal("1.189"), Decimal("1.151"), Decimal("1.189")]
    assert any(
        "last one" in note for note in assess(line("72191100", "CN", year=2031), december).prepared.notes
    )


def test_actual_values_against_the_default(december: RuleFinder) -> None:
    actual = assess(line("72071111", "TR", see_direct=Decimal("0.5"), route="E"), december)
    assert not actual.default_used
    assert actual.free_allocation_t == 100 * Fraction("0.975") * Fraction("0.065")
    assert actual.against_default is not None
    assert actual.against_default.cost_eur == Fraction("9688.80")
    assert Fraction(actual.cost_eur) + Fraction(actual.against_default.saving_eur) == Fraction("9688.80")


def test_actual_values_need_their_route_where_benchmarks_differ(december: RuleFinder) -> None:
    with pytest.raises(Misuse) as caught:
        assess(line("72071111", "TR", see_direct=Decimal("0.5")), december)
    assert caught.value.id == "obligation-benchmark-route"
    with pytest.raises(Misuse):
        assess(line("72071111", "TR", see_direct=Decimal("0.5"), route="K"), december)


def test_precursors_bring_their_allocation(december: RuleFinder) -> None:
    own = Fraction("0.188")
    pig_iron = Fraction("0.150")
    given = line(
        "72071111",
        "TR",
        see_direct=Decimal("1.9"),
        route="C",
        precursors=(PrecursorShare("72061000", Decimal("1.02"), "A", "C"),),
    )
    owed = assess(given, december)
    assert owed.free_allocation_t == 100 * Fraction("0.975") * (own + Fraction("1.02") * pig_iron)
    stated = assess(
        line("72071111", "TR", see_direct=Decimal("1.9"), route="C", sefa=Decimal("0.5")), december
    )
    assert stated.free_allocation_t == 50


def test_indirect_emissions_count_where_the_law_counts_them(december: RuleFinder) -> None:
    both = {"see_direct": Decimal("1.2"), "see_indirect": Decimal("0.3")}
    assert assess(line("28142000", "CN", **both), december).see == Fraction("1.5")
    steel = assess(line("72191100", "CN", **both), december)
    assert steel.see == Fraction("1.2")
    assert "indirect emissions of this good do not count" in steel.prepared.notes
    with pytest.raises(Misuse) as caught:
        assess(line("28142000", "CN", see_direct=Decimal("1.2")), december)
    assert caught.value.id == "obligation-indirect-missing"


def test_cement_counts_the_clinker_it_contains(december: RuleFinder) -> None:
    whole = assess(line("25232900", "CN"), december)
    part = assess(line("25232900", "CN", clinker_share=Decimal("0.7")), december)
    assert part.certificates * 10 == whole.certificates * 7
    assert any("clinker" in note for note in whole.prepared.notes)


def test_emissions_per_kg_of_nitrogen(december: RuleFinder) -> None:
    per_kg = line(
        "28141000",
        "CN",
        see_direct=Decimal("0.002"),
        see_indirect=Decimal("0.0001"),
        nitrogen_kg_per_t=Decimal("822"),
    )
    assert assess(per_kg, december).see == Fraction("0.0021") * 822


def test_origins_outside_cbam_owe_nothing(december: RuleFinder) -> None:
    for origin in ("CH", "NO", "DE", "Iceland"):
        owed = assess(line("72071111", origin), december)
        assert owed.embedded_t == owed.certificates == owed.cost_eur == 0
        assert owed.prepared.shape.exempt == "origin"


def test_a_year_up_to_fifty_tonnes_owes_nothing_but_for_hydrogen(december: RuleFinder) -> None:
    small = assess(line("72071111", "TR", below_threshold=True), december)
    assert small.certificates == small.cost_eur == 0
    assert small.prepared.shape.exempt == "threshold"
    assert small.embedded_t == Fraction("254.1")
    hydrogen = assess(line("28041000", "TR", below_threshold=True), december)
    assert hydrogen.certificates > 0


def test_free_allocation_never_gives_certificates_away(december: RuleFinder) -> None:
    owed = assess(line("72071111", "TR", see_direct=Decimal("0.01"), route="C"), december)
    assert owed.free_allocation_t > owed.embedded_t
    assert owed.certificates == 0


def test_a_carbon_price_paid_reduces_up_to_the_emissions(december: RuleFinder) -> None:
    payment = CarbonPricePayment(
        paid=Decimal(1000),
        rebates=Decimal(150),
        free_allocation=Decimal(50),
        document="CBRT 17",
        certifier="Auditor",
    )
    owed = assess(line("72071111", "TR", paid=(payment,)), december)
    assert owed.reduction_t == 10
    assert owed.certificates == Fraction("111.11")
    huge = CarbonPricePayment(paid=Decimal(10**9), document="CBRT 18", certifier="Auditor")
    assert assess(line("72071111", "TR", paid=(huge,)), december).reduction_t == Fraction("254.1")
    assert any("draft" in note for note in owed.prepared.notes)
    assert any("CBRT 17, certified by Auditor" in text for text in explanation_of(owed))


def test_a_payment_without_evidence_is_refused() -> None:
    with pytest.raises(Misuse) as caught:
        CarbonPricePayment(paid=Decimal(5), document="", certifier="Auditor")
    assert caught.value.id == "obligation-price-evidence"
    with pytest.raises(Misuse):
        CarbonPricePayment(paid=Decimal(5), rebates=Decimal(6), document="D", certifier="C")


@dataclass(frozen=True)
class _HalfRule:
    """Another rule: half of what was paid counts."""

    name: str = "half (test)"

    def build(self, builder: GraphBuilder, *, paid: NodeId, price: NodeId, embedded: NodeId) -> NodeId:
        twice = builder.sum(
            "twice", "EUR/tCO2e", [(1, price), (1, price)], label="twice the price", equation=""
        )
        return builder.quotient("half", "tCO2e", paid, twice, label="half", equation="")


def test_the_reduction_rule_can_be_replaced(december: RuleFinder) -> None:
    payment = CarbonPricePayment(paid=Decimal(800), document="D", certifier="C")
    owed = assess(line("72071111", "TR", paid=(payment,)), december, _HalfRule())
    assert owed.reduction_t == 5
    assert "carbon price: half (test)" in owed.prepared.notes


def test_electricity_has_no_allocation_and_is_counted_in_mwh(december: RuleFinder) -> None:
    owed = assess(line("27160000", "UA", see_direct=Decimal("0.4")), december)
    assert owed.free_allocation_t == 0
    assert owed.certificates == 40
    assert owed.against_default is None
    with pytest.raises(Malformed) as caught:
        assess(line("27160000", "UA"), december)
    assert caught.value.id == "obligation-default-missing"


@pytest.mark.parametrize(
    "given",
    [
        line("72071111", "TR"),
        line("2523100010", "DZ", year=2029),
        line(
            "72071111",
            "TR",
            see_direct=Decimal("1.9"),
            route="C",
            precursors=(PrecursorShare("72061000", Decimal(1), "B"),),
        ),
        line("25239000", "TR", route="A", clinker_share=Decimal("0.65")),
        line("28142000", "CN", see_direct=Decimal("1"), see_indirect=Decimal("0.1"), sefa=Decimal("0.2")),
        line("72071111", "CH"),
        line("72071111", "TR", below_threshold=True),
        line("72071111", "TR", price=Decimal("77"), paid=(CarbonPricePayment(Decimal(100), "D", "C"),)),
    ],
)
def test_every_explanation_computes_again_to_itself(december: RuleFinder, given: ImportLine) -> None:
    owed = assess(given, december)
    explanation = explain_obligation(owed)
    numbers = recompute(explanation)
    assert isinstance(explanation, dict)
    outputs = explanation["outputs"]
    assert isinstance(outputs, dict)
    assert numbers[str(outputs["cost_eur"])] == owed.cost_eur
    assert any("rounded half up" in text for text in explanation_of(owed))


def test_the_explanation_names_table_version_and_row(december: RuleFinder) -> None:
    text = "\n".join(explanation_of(assess(line("72071111", "TR"), december)))
    assert "default_values.csv 2025-12 row TR 72071111" in text
    assert "benchmarks.csv 2025-2620 72071111 column B, route C" in text


@pytest.mark.parametrize(
    ("given", "error_id"),
    [
        ({"cn": "99999999"}, "obligation-code-out-of-scope"),
        ({"cn": "7207"}, "obligation-line"),
        ({"cn": "31021010"}, "obligation-default-missing"),
        ({"origin": "ZZ"}, "obligation-origin"),
        ({"year": 2025}, "obligation-year"),
        ({"tonnes": Decimal(0)}, "obligation-line"),
        ({"tonnes": Decimal("NaN")}, "obligation-line"),
        ({"price": Decimal(0)}, "obligation-line"),
        ({"column": "A"}, "obligation-line"),
        ({"see_indirect": Decimal(1)}, "obligation-line"),
        ({"see_direct": Decimal(-1)}, "obligation-line"),
        ({"clinker_share": Decimal(1)}, "obligation-line"),
        ({"nitrogen_kg_per_t": Decimal(5), "see_direct": Decimal(1), "route": "C"}, "obligation-line"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    december: RuleFinder, given: dict[str, object], error_id: str
) -> None:
    with pytest.raises(CarbonportError) as caught:
        assess(line(**{"cn": "72071111", "origin": "TR", **given}), december)  # type: ignore[arg-type]
    assert caught.value.id == error_id


def test_the_hint_for_urea_names_the_finer_codes(december: RuleFinder) -> None:
    with pytest.raises(Malformed) as caught:
        assess(line("31021010", "TR"), december)
    assert "31021012, 31021015, 31021019" in caught.value.expected
    assert assess(line("31021012", "TR"), december).certificates > 0


def test_tables_of_the_user_take_the_place_of_ours(tmp_path: Path) -> None:
    defaults = tmp_path / "mine.csv"
    defaults.write_text(
        "# title: Mine\n# version: 7\n# source: the act\n"
        "country,code,direct,indirect,total,routes,markup_2026\n"
        "Türkiye,72071111,2,,2,C,2.199\nother,7207,3,,3,C,\n"
    )
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "# title: P\n# version: 8\n# source: x\nperiod,price,published\n2027-W05,81.5,2027-02-08\n"
    )
    tables = ObligationTables.load(TableChoice(default_values=defaults, prices=prices))
    finder = RuleFinder(tables)
    assert assess(line("72071111", "TR"), finder).see == Fraction("2.199")  # published, taken as it stands
    assert assess(line("72071111", "CN"), finder).see == Fraction("3.3")
    assert tables.prices.of("2027-W05") == Decimal("81.5")
    assert tables.versions["default_values"] == "mine.csv 7"
    assert tables.versions["certificate_prices"] == "prices.csv 8"


@pytest.mark.parametrize(
    "rows",
    [
        "Atlantis,72071111,1,,1,C\n",
        "TR,72071111,1,,1,C\nTR,72071111,2,,2,C\n",
        "TR,7207x111,1,,1,C\n",
        "TR,72071111,1,,-1,C\n",
        "TR,72071111,1,,1e400,C\n",
        "TR,72071111,1,,NaN,C\n",
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "broken.csv"
    file.write_text(
        f"# title: T\n# version: 1\n# source: s\ncountry,code,direct,indirect,total,routes\n{rows}"
    )
    with pytest.raises(Malformed):
        ObligationTables.load(TableChoice(default_values=file))


def test_an_unknown_state_and_an_unpublished_price_say_what_there_is() -> None:
    with pytest.raises(Misuse) as caught:
        ObligationTables.load(TableChoice(state="2019-01"))
    assert "2025-12" in caught.value.expected
    with pytest.raises(Misuse) as missing:
        ObligationTables.load().prices.of("2026-Q3")
    assert missing.value.id == "obligation-price-missing"


def test_every_good_with_a_benchmark_has_an_answer_from_everywhere(newest: RuleFinder) -> None:
    goods = sorted({cn for cn, _ in newest.tables.benchmarks.rows})
    for number, cn in enumerate(goods):
        origin = ("TR", "CN", "BT", "RU")[number % 4]
        route = "A" if cn in newest.tables.defaults.splits else ""
        owed: Obligation = assess(line(cn, origin, route=route), newest)
        assert owed.embedded_t > 0
