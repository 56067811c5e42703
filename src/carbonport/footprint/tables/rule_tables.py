"""The tables that the CBAM rules of this version read, loaded and typed: goods, factors, constants,
countries.

`RuleTables.load()` reads what ships; a default electricity table of the user's takes the place of the
packaged one as a whole. A calculation states `versions`.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.tables.table_file import Table, packaged_table, user_table
from carbonport.footprint.units import convert, unit_named

GOODS_COLUMNS = ("cn", "sector", "category", "gases", "indirect", "functional_unit", "description")
STANDARD_COLUMNS = ("name", "field", "value", "unit", "place")
CONSTANT_COLUMNS = ("name", "value", "unit", "place")
ELECTRICITY_COLUMNS = ("country", "factor", "unit")
COGENERATION_COLUMNS = ("name", "fuel", "heat_percent", "electricity_percent")
COUNTRY_COLUMNS = ("code", "name", "status", "other_names")


@dataclass(frozen=True, slots=True)
class PublishedNumber:
    """A number of a table: value, unit, and the act with its place."""

    value: Decimal
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """A CN code in the scope of CBAM. `indirect` says whether indirect emissions count from 2026 on."""

    cn: str
    sector: str
    category: str
    indirect: bool
    functional_unit: str
    description: str


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its two-letter code; `exempt` when goods of its origin carry no embedded emissions."""

    code: str
    name: str
    exempt: bool


@dataclass(frozen=True, slots=True)
class CogenerationReference:
    """Reference efficiencies of producing heat and electricity apart, from one fuel into one medium."""

    heat: PublishedNumber
    electricity: PublishedNumber


@dataclass(frozen=True)
class RuleTables:
    """Everything the rules look up. `versions` names each table and its version."""

    goods: Mapping[str, ScopeEntry]
    standard_factors: Mapping[str, Mapping[str, PublishedNumber]]
    constants: Mapping[str, PublishedNumber]
    electricity: Mapping[str, PublishedNumber]
    cogeneration: Mapping[str, CogenerationReference]
    countries: Mapping[str, Country]
    country_names: Mapping[str, str]
    versions: Mapping[str, str]

    @classmethod
    def load(cls, electricity_factors: Path | None = None) -> "RuleTables":
        """The packaged tables, with the electricity factors of the file `electricity_factors` when one is
        given.
        """
        packaged = _packaged()
        if electricity_factors is None:
            return packaged
        table = user_table(electricity_factors, ELECTRICITY_COLUMNS)
        return replace(
            packaged,
            electricity=_electricity(table, packaged.country_names),
            versions=MappingProxyType({**packaged.versions, "electricity_factors": table.version}),
        )

    @cached_property
    def categories(self) -> Mapping[str, ScopeEntry]:
        """A good of each aggregated goods category, by the category's name in the table."""
        found: dict[str, ScopeEntry] = {}
        for entry in self.goods.values():
            found.setdefault(entry.category, entry)
        return MappingProxyType(found)

    def country(self, text: str) -> Country | None:
        """The country that `text` names by code or name, or None."""
        code = self.country_names.get(_folded(text))
        return None if code is None else self.countries[code]

    def constant(self, name: str) -> PublishedNumber:
        """A constant of the rules, by its name in `constants.csv`."""
        return self.constants[name]


def electricity_table(file_name: str, rules: RuleTables) -> tuple[Mapping[str, PublishedNumber], str]:
    """Factors of electricity by country from a packaged table, and the table's version."""
    table = packaged_table(file_name, ELECTRICITY_COLUMNS)
    return _electricity(table, rules.country_names), table.version


@cache
def _packaged() -> RuleTables:
    goods = packaged_table("goods.csv", GOODS_COLUMNS)
    standard = packaged_table("standard_factors.csv", STANDARD_COLUMNS)
    constants = packaged_table("constants.csv", CONSTANT_COLUMNS)
    electricity = packaged_table("electricity_factors.csv", ELECTRICITY_COLUMNS)
    cogeneration = packaged_table("cogeneration_references.csv", COGENERATION_COLUMNS)
    countries = packaged_table("countries.csv", COUNTRY_COLUMNS)
    names: dict[str, str] = {}
    for row in countries.rows:
        for name in (row["code"], row["name"], *row["other_names"].split("|")):
            if name:
                names[_folded(name)] = row["code"]
    return RuleTables(
        goods=MappingProxyType(
            {
                row["cn"]: ScopeEntry(
                    cn=row["cn"],
                    sector=row["sector"],
                    category=row["category"],
                    indirect=row["indirect"] == "yes",
                    functional_unit=row["functional_unit"],
                    description=row["description"],
                )
                for row in goods.rows
            }
        ),
        standard_factors=MappingProxyType(_standard(standard)),
        constants=MappingProxyType(
            {row["name"]: _number(row, row["value"], constants) for row in constants.rows}
        ),
        electricity=_electricity(electricity, names),
        cogeneration=MappingProxyType(
            {row["name"]: _cogeneration(row, cogeneration) for row in cogeneration.rows}
        ),
        countries=MappingProxyType(
            {row["code"]: Country(row["code"], row["name"], bool(row["status"])) for row in countries.rows}
        ),
        country_names=MappingProxyType(names),
        versions=MappingProxyType(
            {
                "goods": goods.version,
                "standard_factors": standard.version,
                "constants": constants.version,
                "electricity_factors": electricity.version,
                "cogeneration_references": cogeneration.version,
                "countries": countries.version,
            }
        ),
    )


def _cogeneration(row: Mapping[str, str], table: Table) -> CogenerationReference:
    percent = unit_named("%")
    source = f"{table.source}, {row['name']}"
    heat, electricity = (
        PublishedNumber(
            convert(parse_decimal(row[column], where=table.name), percent, unit_named("1")), "1", source
        )
        for column in ("heat_percent", "electricity_percent")
    )
    return CogenerationReference(heat, electricity)


def _number(row: Mapping[str, str], text: str, table: Table) -> PublishedNumber:
    place = row.get("place", "")
    source = f"{table.source}, {place}" if place else table.source
    return PublishedNumber(parse_decimal(text, where=table.name), row["unit"], source)


def _standard(table: Table) -> dict[str, Mapping[str, PublishedNumber]]:
    factors: dict[str, dict[str, PublishedNumber]] = {}
    for row in table.rows:
        factors.setdefault(row["name"], {})[row["field"]] = _number(row, row["value"], table)
    return {name: MappingProxyType(fields) for name, fields in factors.items()}


def _electricity(table: Table, country_names: Mapping[str, str]) -> Mapping[str, PublishedNumber]:
    factors: dict[str, PublishedNumber] = {}
    for row in table.rows:
        code = country_names.get(_folded(row["country"]))
        if code is None or code in factors:
            raise Malformed(
                "table-country",
                found=f"the country {row['country'][:40]!r}, unknown or there twice",
                expected="each country once, by its two-letter code or its name",
                remedy="Correct the row of the electricity factors.",
                where=table.name,
            )
        number = _number(row, row["factor"], table)
        per_mwh = convert(
            number.value,
            unit_named(number.unit, where=table.name),
            unit_named("tCO2/MWh"),
            where=f"{table.name}, {code}",
        )
        if per_mwh < 0:
            raise Malformed(
                "table-malformed",
                found=f"a negative factor for {code}",
                expected="zero or a positive factor",
                remedy="Correct the row of the electricity factors.",
                where=table.name,
            )
        factors[code] = PublishedNumber(per_mwh, "tCO2e/MWh", f"{number.source} ({table.version}), {code}")
    return MappingProxyType(factors)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
