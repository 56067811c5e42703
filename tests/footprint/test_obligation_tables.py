"""The packaged tables of obligations against the compiled facts they come from, row by row."""

import csv
from decimal import Decimal
from pathlib import Path

from carbonport.footprint.obligation.default_values import OTHER, DefaultValues
from carbonport.footprint.obligation.obligation_tables import ObligationTables

TABLES = ObligationTables.load()
DECEMBER = DefaultValues.load("2025-12")


def rows(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "tables" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def code_of(cn: str, route: str, description: str) -> str:
    """Where grey and white differ ours are TARIC-10 codes."""
    if cn not in ("25231000", "25239000"):
        return cn
    white = route == "B" or description.startswith("White")
    return cn + ("10" if white else "90")


def test_every_default_value_of_the_act_is_there(shared: Path) -> None:
    found = rows(shared, "defaults.csv")
    for row in found:
        country = TABLES.rules.country(row["country"])
        origin = OTHER if country is None else country.code
        assert country is not None or row["country"] == "Other countries and territories"
        value = DECEMBER.rows[origin, code_of(row["cn"], row["bm_route"], row["description"])]
        assert value.total == Decimal(row["total"])
        assert "/".join(value.routes) == row["bm_route"].replace("N/A", "")
        for own, stated in ((value.direct, row["direct"]), (value.indirect, row["indirect"])):
            assert own == (None if stated in ("", "NA") else Decimal(stated))
    assert len(found) == len(DECEMBER.rows)


def test_the_newest_state_is_december_with_the_corrected_rows_over_it(shared: Path) -> None:
    corrected = {
        row["code (TARIC10/CN8/heading)"]: row
        for row in rows(shared, "defaults_china_corrected_2026_1740.csv")
    }
    for key, value in TABLES.defaults.rows.items():
        if key[0] == "CN" and key[1] in corrected:
            assert value.total == Decimal(corrected[key[1]]["total"])
            assert "/".join(value.routes) == corrected[key[1]]["bm_route"]
        else:
            assert value == DECEMBER.rows[key]


def test_every_value_for_unknown_origins_is_there(shared: Path) -> None:
    found = rows(shared, "defaults_annexIV_unknown_origin.csv")
    for row in found:
        code = code_of(row["cn"].replace(" ", ""), row["bm_route"], row["description"])
        assert DECEMBER.unknown_origin[code].total == Decimal(row["highest_default"])
    assert len(found) == len(DECEMBER.unknown_origin)


def test_every_benchmark_is_there(shared: Path) -> None:
    found = rows(shared, "benchmarks.csv")
    for row in found:
        first, last = (int(year) for year in row["production_years"].split("-"))
        matching = [
            each
            for each in TABLES.benchmarks.rows[row["cn8"], row["column"]]
            if (each.route, each.first_year, each.last_year) == (row["route"], first, last)
        ]
        assert [each.value for each in matching] == [Decimal(row["benchmark_tCO2e_per_t"])]
    assert len(found) == sum(map(len, TABLES.benchmarks.rows.values()))


def test_years_and_prices_are_those_compiled(shared: Path) -> None:
    for row in rows(shared, "cbam_factor.csv"):
        if row["year"] == "2025":
            continue
        year = TABLES.years.of(int(row["year"]))
        assert year.free_share == Decimal(row["cbam_factor_free_share_CBAM_y"])
        assert year.cscf == Decimal(row["cscf"])
        assert year.markup_general == Decimal(row["default_markup_general"])
        assert year.markup_fertilisers == Decimal(row["default_markup_fertilisers"])
    prices = {row["period"]: row["eur_per_tCO2e"] for row in rows(shared, "certificate_price.csv")}
    assert dict(TABLES.prices.by_period) == {key: Decimal(text) for key, text in prices.items() if text}
