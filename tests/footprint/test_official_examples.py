"""The Commission's two filled examples give the expected values to a relative 1e-9."""

from fractions import Fraction
from pathlib import Path

import pytest

from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.explain import explain, recompute
from carbonport.footprint.intake import read_ledger

TOLERANCE = Fraction(1, 10**9)


def calculated(shared: Path, name: str, scope: Scope | None = None) -> Calculation:
    path = shared / "templates" / f"communication_template_{name}.xlsx"
    return calculate(read_ledger(path, Catalogue.load()), scope)


def close(found: Fraction, expected: str) -> bool:
    return abs(found - Fraction(expected)) <= TOLERANCE * Fraction(expected)


@pytest.mark.parametrize(
    ("name", "cn", "direct", "indirect", "total"),
    [
        ("cement", "25232900", "0.7852147410358565", "0.12224275", "0.9074574910358565"),
        ("blast_furnace", "72081000", "1.5389760645578654", "0.20355398249999998", "1.7425300470578653"),
    ],
)
def test_specific_embedded_emissions(
    shared: Path, name: str, cn: str, direct: str, indirect: str, total: str
) -> None:
    result = calculated(shared, name)
    assert result.scope is Scope.TRANSITIONAL
    good = next(good for good in result.goods if good.cn == cn)
    assert close(good.source["see_direct"], direct)
    assert close(good.source["see_indirect"], indirect)
    assert close(good.source["see_total"], total)
    values = source_values(result.ledger)
    assert recompute(explain(good.graph, result.ledger, values)) == evaluate(good.graph, values)


def test_intermediate_values_of_the_cement_works(shared: Path) -> None:
    result = calculated(shared, "cement")
    assert result.installation.source["direct_emissions"] == 1037310
    assert result.installation.source["biomass_emissions"] == 6225
    good = result.goods[0]
    numbers = evaluate(good.graph, source_values(result.ledger))
    emissions = {number for node, number in numbers.items() if node.endswith("/emissions")}
    assert emissions == {658875, 209000, 35275, 134160}


def test_intermediate_values_of_the_blast_furnace(shared: Path) -> None:
    result = calculated(shared, "blast_furnace")
    assert close(result.installation.source["direct_emissions"], "7866044.469877754")
    good = result.goods[0]
    assert close(good.source["attributed_direct"], "7387085.109877754")
    assert close(good.source["attributed_indirect"], str(Fraction("1658844") * Fraction("0.589")))
    numbers = evaluate(good.graph, source_values(result.ledger))
    exported = next(
        number for node, number in numbers.items() if node.endswith("/waste_gas_export_emissions")
    )
    assert exported == Fraction("478959.36")


def test_the_definitive_scope_of_the_blast_furnace_takes_the_default_factor(shared: Path) -> None:
    good = calculated(shared, "blast_furnace", Scope.DEFINITIVE).goods[0]
    assert good.rules.electricity.basis == "default-table"
    assert good.source["see_indirect"] == Fraction("1658844") * Fraction("0.605") / 4800000
    assert good.source["see_total"] == good.source["see_direct"]


def test_the_definitive_scope_of_the_cement_works_lacks_its_countrys_factor(shared: Path) -> None:
    good = calculated(shared, "cement", Scope.DEFINITIVE).goods[0]
    assert close(good.source["see_direct"], "0.7852147410358565")
    assert {problem.result for problem in good.problems} == {"see_indirect", "see_total"}
