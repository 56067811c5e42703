"""The verifier's recalculation: the operator's results against its own, by profile, each difference with its cells."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import world as w

from carbonport.attestation.materiality import PROFILES, Recalculation, profile_named, recalculate
from carbonport.errors import CarbonportError
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake.operator_report import ReportedFigure, read_operator_report

FIRST = w.calculation().goods[0]
TOTAL = w.calculation().installation.declared["direct_emissions"]


def figure(result: str, value: Fraction | Decimal, cn: str = FIRST.cn) -> ReportedFigure:
    process = "" if result == "direct_emissions" else FIRST.process
    number = value if isinstance(value, Decimal) else Decimal(value.numerator) / Decimal(value.denominator)
    return ReportedFigure(process, cn if process else "", result, number, f"report.csv {result}")


def recalculated(
    *figures: ReportedFigure, profile: str = "eu", of: Calculation | None = None
) -> Recalculation:
    return recalculate(of or w.calculation(), figures, PROFILES[profile])


def own(result: str, calculation: Calculation | None = None) -> Fraction:
    good = (calculation or w.calculation()).goods[0]
    if result == "sefa":
        assert good.allocation is not None
        return good.allocation.source["sefa_rounded"]
    return good.declared[f"{result}_rounded"]


def test_equal_results_are_no_difference_at_the_precision_they_are_stated_in() -> None:
    exact = FIRST.declared["see_direct"]
    found = recalculated(figure("see_direct", exact), figure("sefa", own("sefa")))
    assert found.differences == ()
    assert found.materiality.outcome == "none"
    assert found.materiality.largest_percent == "0.000000"


@pytest.mark.parametrize("result", ["see_direct", "see_total", "sefa"])
@pytest.mark.parametrize(
    ("factor", "outcome"), [("1.0499", "not-material"), ("1.0501", "material"), ("0.94", "material")]
)
def test_five_percent_of_see_and_of_sefa_is_material(result: str, factor: str, outcome: str) -> None:
    assert own("see_direct") == own("see_total"), "the example's indirect emissions do not count"
    found = recalculated(figure(result, own(result) * Fraction(factor)))
    assert found.materiality.outcome == outcome
    (difference,) = found.differences
    assert difference.result == result
    assert difference.beyond is (outcome == "material")
    assert difference.place == f"report.csv {result}"
    assert any("steelworks.yaml" in cell for cell in difference.cells)


def test_indirect_emissions_outside_the_scope_are_told_and_not_material() -> None:
    found = recalculated(figure("see_indirect", own("see_indirect") * 3))
    assert found.materiality.outcome == "not-material"
    assert found.differences[0].beyond is False
    transitional = calculate(w.ledger(), Scope.TRANSITIONAL)
    inside = own("see_indirect", transitional)
    assert recalculated(figure("see_indirect", inside * 3), of=transitional).materiality.outcome == "material"


def test_direct_and_indirect_differences_of_one_good_count_together() -> None:
    transitional = calculate(w.ledger(), Scope.TRANSITIONAL)
    total = own("see_total", transitional)
    step = total * Fraction("0.03")
    both = [figure(name, own(name, transitional) + step) for name in ("see_direct", "see_indirect")]
    assert recalculated(*both, of=transitional).materiality.outcome == "material"
    assert recalculated(both[0], of=transitional).materiality.outcome == "not-material"
    opposite = figure("see_indirect", own("see_indirect", transitional) - step)
    assert recalculated(both[0], opposite, of=transitional).materiality.largest_percent == "0.000000"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [(Decimal(1000), "not-material"), (Decimal(1001), "sent-back"), (Decimal(-1001), "sent-back")],
)
def test_the_national_profile_sends_a_report_back_for_tonnes(change: Decimal, outcome: str) -> None:
    stated = Decimal(round(TOTAL)) + change
    found = recalculated(figure("direct_emissions", stated), profile="cn-beijing")
    assert found.materiality.outcome == outcome
    assert found.materiality.profile == "cn-beijing"
    assert found.differences[0].beyond is (outcome == "sent-back")
    assert recalculated(figure("direct_emissions", stated)).materiality.outcome == "not-material"


def test_the_national_profile_sends_a_small_units_report_back_for_percent() -> None:
    ledger = w.ledger()
    # The same works at a thousandth: 10 % of its emissions is less than 1,000 t.
    records = {
        path: replace(record, value=record.value / 1000, source_value=record.source_value / 1000)
        if record.field == "activity_data"
        else record
        for path, record in ledger.records.items()
    }
    small = calculate(replace(ledger, records=records))
    total = Decimal(round(small.installation.declared["direct_emissions"]))
    assert total < 10_000
    for factor, outcome in (("1.09", "not-material"), ("1.11", "sent-back")):
        stated = figure("direct_emissions", total * Decimal(factor))
        assert recalculated(stated, profile="cn-beijing", of=small).materiality.outcome == outcome


def test_a_national_rule_needs_the_units_emissions() -> None:
    with pytest.raises(CarbonportError) as caught:
        recalculated(figure("see_total", own("see_total")), profile="cn-beijing")
    assert caught.value.id == "report-unit-emissions"
    with pytest.raises(CarbonportError) as caught:
        profile_named("atlantis")
    assert caught.value.id == "materiality-profile"


def test_a_result_of_a_good_that_is_not_there_is_named() -> None:
    for stranger in (
        figure("see_total", Decimal(1), cn="25232900"),
        replace(figure("sefa", Decimal(1)), process="x"),
    ):
        with pytest.raises(CarbonportError) as caught:
            recalculated(stranger)
        assert caught.value.id == "report-unknown-result"
        assert caught.value.where == stranger.place


def test_without_a_report_the_documents_stand_in() -> None:
    found = recalculate(w.calculation(), None, PROFILES["cn-beijing"])
    assert found.materiality.basis == "documents"
    assert found.materiality.outcome in ("none", "not-material")


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "report.csv"
    path.write_text(text)
    return path


def test_a_table_of_results_is_read_with_its_lines(tmp_path: Path) -> None:
    text = "process,cn,result,value,remark\nBlast line,7208 39 00,see_direct,1.25,ours\n,,direct_emissions,1000000,\n"
    assert read_operator_report(table(tmp_path, text)) == (
        ReportedFigure("Blast line", "72083900", "see_direct", Decimal("1.25"), "report.csv line 2"),
        ReportedFigure("", "", "direct_emissions", Decimal(1000000), "report.csv line 3"),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("process,cn,value\np,72083900,1\n", "report-unreadable"),
        ("process,cn,result,value\np,72083900,profit,1\n", "report-unreadable"),
        ("process,cn,result,value\n,,see_direct,1\n", "report-unreadable"),
        ("process,cn,result,value\np,72083900,sefa,NaN\n", "number-unreadable"),
        ("process,cn,result,value\np,72083900,sefa,1e400\n", "number-out-of-bounds"),
        ("process,cn,result,value\n", "report-unreadable"),
        ('process,cn,result,value\n"p,72083900,sefa,1\n', "report-unreadable"),
        ("process,cn,result,value\np\n", "report-unreadable"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(CarbonportError) as caught:
        read_operator_report(table(tmp_path, text))
    assert caught.value.id == error
    with pytest.raises(CarbonportError) as other:
        read_operator_report(tmp_path / "report.pdf")
    assert other.value.id == "report-suffix"
