"""`carbonport footprint`, and how `calculate --explain` says that a CBAM value is another thing."""

import json
from decimal import Decimal
from importlib.resources import files
from typing import Any

from warm_programs import programs

EXAMPLE = str(files("carbonport") / "examples" / "steelworks.yaml")


def result(*arguments: str, code: int = 0) -> Any:
    done = programs().run(*arguments, "--json")
    assert done.code == code, done.errors + done.output
    return json.loads(done.output)


def test_every_good_has_a_carbon_footprint_with_decimals_as_text() -> None:
    word = ("--exempted-percent", "1.5", "--fossil-carbon-content", "0.002")
    data = result("footprint", EXAMPLE, *word)
    assert [item["cn"] for item in data["footprints"]] == ["72083900", "72142000"]
    pcf = data["footprints"][0]["pcf"]
    for field in (
        "declaredUnitAmount",
        "pcfExcludingBiogenicUptake",
        "fossilGhgEmissions",
        "primaryDataShare",
    ):
        assert isinstance(pcf[field], str)
        assert Decimal(pcf[field]) > 0
    assert (pcf["exemptedEmissionsPercent"], pcf["fossilCarbonContent"]) == ("1.5", "0.002")
    assert (pcf["referencePeriodStart"], pcf["referencePeriodEnd"]) == (
        "2026-01-01T00:00:00Z",
        "2027-01-01T00:00:00Z",
    )
    assert all(1 <= Decimal(rating) <= 5 for rating in pcf["dqi"].values())
    assert data["notices"] == []
    one = result("footprint", EXAMPLE, "--cn", "7214 20 00", "--explain")
    assert [item["cn"] for item in one["footprints"]] == ["72142000"]
    assert one["footprints"][0]["explanation"]["digest"] == one["footprints"][0]["graph_digest"]
    assert "fossilCarbonContent is 0" in one["notices"][0]


def test_what_cannot_be_meant_is_refused() -> None:
    assert result("footprint", EXAMPLE, "--cn", "25232900", code=2)["error"]["id"] == "footprint-unknown-good"
    assert result("footprint", EXAMPLE, "--exempted-percent", "6", code=1)["error"]["id"] == "footprint-word"
    assert (
        result("footprint", EXAMPLE, "--exempted-percent", "NaN", code=1)["error"]["id"]
        == "number-unreadable"
    )


def test_the_report_says_what_it_is_not() -> None:
    done = programs().run("footprint", EXAMPLE)
    assert done.code == 0
    assert "not a CBAM value" in done.output
    assert "per 1 kilogram" in done.output


def test_explanations_say_how_the_scopes_differ() -> None:
    goods = result("calculate", EXAMPLE, "--explain")["goods"]
    compared = goods[0]["scopes_compared"]
    assert compared["cbam"]["see_total"] == goods[0]["see_total"]
    footprint = result("footprint", EXAMPLE)["footprints"][0]["pcf"]["pcfIncludingBiogenicUptake"]
    assert abs(Decimal(compared["product_footprint"]["total"]) - Decimal(footprint)) <= Decimal("0.000005")
    subjects = {line["subject"]: line for line in compared["differences"]}
    assert "does not count" in subjects["indirect emissions (electricity consumed)"]["cbam"]
    text = programs().run("calculate", EXAMPLE, "--explain").output
    assert "Not a product carbon footprint: 72083900, 72142000" in text
    assert "a footprint counts all of them" in text
