"""The packaged tables against the compiled facts they come from."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from carbonport.footprint.tables.rule_tables import RuleTables

TABLES = RuleTables.load()


def rows(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "tables" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_goods_are_those_of_the_code_list(shared: Path) -> None:
    expected = {row["cn8"]: "indirect" in row["scope_for_certificates"] for row in rows(shared, "goods.csv")}
    assert {cn: entry.indirect for cn, entry in TABLES.goods.items()} == expected


def test_indirect_emissions_count_for_cement_fertilisers_and_agglomerated_ore_only() -> None:
    sectors = {(entry.sector, entry.cn) for entry in TABLES.goods.values() if entry.indirect}
    assert {sector for sector, cn in sectors if cn != "26011200"} == {"Cement", "Fertilizers"}
    assert TABLES.goods["26011200"].indirect


def test_standard_factors_are_those_of_the_act(shared: Path) -> None:
    for row in rows(shared, "fuels.csv"):
        factors = TABLES.standard_factors.get(row["fuel"], {})
        if row["ncv"]:
            assert factors["net_calorific_value"].value == Decimal(row["ncv"])
            assert factors["emission_factor"].value == Decimal(row["emission_factor"])


def test_warming_potentials_are_those_of_the_act(shared: Path) -> None:
    for row in rows(shared, "gwp.csv"):
        assert TABLES.constant(f"gwp_{row['gas'].lower()}").value == Decimal(row["gwp"])


def test_the_constants_of_the_rules() -> None:
    values = {
        name: str(TABLES.constant(name).value) for name in TABLES.constants if not name.startswith("gwp")
    }
    expected = {
        "carbon_to_co2": "3.664",
        "waste_gas_factor": "56.1",
        "waste_gas_export_correction": "0.667",
        "chp_heat_efficiency": "0.55",
        "chp_electric_efficiency": "0.25",
        "heat_method_efficiency": "0.70",
        "boiler_efficiency": "0.90",
        "oxygen_share_of_air": "0.2095",
    }
    assert expected.items() <= values.items()


def test_technologies_of_anode_effects_are_those_of_the_act(shared: Path) -> None:
    fields = {"SEF_CF4": "slope_factor", "OVC": "overvoltage_coefficient"}
    compared = 0
    for row in rows(shared, "process_factors.csv"):
        if row["category"].startswith("pfc_") and row["value"]:
            technology, what = row["item"].rsplit(" ", 1)
            name = technology[technology.index("(") + 1 : technology.index(")")]
            field = fields.get(what, row["category"].removeprefix("pfc_") + "_c2f6_ratio")
            assert TABLES.standard_factors[name][field].value == Decimal(row["value"])
            compared += 1
    assert compared == 16


def test_reference_efficiencies_of_cogeneration_are_those_of_the_act(shared: Path) -> None:
    for row in rows(shared, "chp_reference_efficiency.csv"):
        found = TABLES.cogeneration.get(f"{row['cat']}/from-2016/steam")
        assert found is not None
        assert found.heat.value * 100 == Decimal(row["heat_from2016_steam"])
        assert found.electricity.value * 100 == Decimal(row["el_from2016_pct"])


def test_only_one_default_electricity_factor_ships() -> None:
    assert {code: str(number.value) for code, number in TABLES.electricity.items()} == {"CN": "0.605"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CN", "CN"),
        ("china", "CN"),
        (" Türkiye ", "TR"),
        ("Turkey", "TR"),
        ("Viet Nam", "VN"),
        ("中国", "CN"),
    ],
)
def test_countries_are_found_by_code_and_name(text: str, code: str) -> None:
    found = TABLES.country(text)
    assert found is not None
    assert found.code == code


def test_every_country_of_the_default_table_is_known(shared: Path) -> None:
    names = {row["country"] for row in rows(shared, "defaults.csv")}
    unknown = {name for name in names if TABLES.country(name) is None}
    assert unknown <= {"", "country", "Other countries and territories"}


def test_exempt_origins_are_the_union_and_annex_iii() -> None:
    exempt = {country.code for country in TABLES.countries.values() if country.exempt}
    assert len(exempt) == 27 + 6
    assert {"DE", "NO", "CH", "IS", "LI"} <= exempt
    assert not exempt & {"CN", "GB", "UA", "TR", "XI"}


def test_every_table_states_its_version() -> None:
    assert set(TABLES.versions) == {
        "goods",
        "standard_factors",
        "cogeneration_references",
        "constants",
        "electricity_factors",
        "countries",
    }
    assert all(version for version in TABLES.versions.values())
