"""Attested items become entries of the declaration's set; what was not attested is said, never zero."""

import csv
import io
from decimal import Decimal
from fractions import Fraction

import pytest

from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import Malformed
from carbonport.footprint.obligation.assess import assess
from carbonport.footprint.obligation.declaration import (
    declaration_csv,
    declaration_entry,
    declaration_json,
    import_line_of,
    spreadsheet_safe,
)
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables

ITEMS: dict[str, Json] = {
    "operator": "=Steelworks",
    "unlocode": "CN SHA",
    "country": "CN",
    "cn": "72083900",
    "route": ["Basic oxygen steelmaking"],
    "period": {"start": "2026-01-01", "end": "2026-12-31"},
    "see_direct": "1.79766",
    "see_indirect": "0.10000",
    "default_share": "0.05000",
    "precursors": [
        {"cn": "72071111", "country": "UA", "basis": "default", "see_direct": "1.5", "see_indirect": "0"}
    ],
    "consignment": "INV-7",
    "net_mass": "2450.500",
    "verification_opinion": "positive",
}
PROOF = {"attestation": "a" * 32, "statement": "b" * 64, "issuer": "CN/X"}


def test_an_entry_says_what_was_attested_and_what_was_not() -> None:
    entry = declaration_entry(ITEMS, **PROOF)
    assert entry.values["see_direct_tco2e_per_t"] == "1.79766"
    assert (entry.values["period_start"], entry.values["period_end"]) == ("2026-01-01", "2026-12-31")
    assert entry.precursors[0]["basis"] == "default"
    assert {"latitude", "installation_direct_emissions_t", "sefa_tco2e_per_t"} <= set(entry.not_received)


def test_the_set_as_json_and_csv() -> None:
    entry = declaration_entry(ITEMS, **PROOF)
    tables = ObligationTables.load()
    data = declaration_json([entry], year=2026, versions=tables.versions)
    assert canonical_bytes(data)
    rows = list(csv.DictReader(io.StringIO(declaration_csv([entry, entry]))))
    assert len(rows) == 2
    assert rows[0]["operator"] == "'=Steelworks"
    assert rows[0]["latitude"] == ""
    assert "basis=default" in rows[0]["precursor_1"]
    assert rows[0]["attestation"] == "a" * 32


def test_an_attested_consignment_is_a_line_of_imports() -> None:
    finder = RuleFinder(ObligationTables.load())
    line = import_line_of(declaration_entry(ITEMS, **PROOF), finder, year=2026, price=Decimal(80), route="C")
    owed = assess(line, finder)
    assert owed.embedded_t == Fraction("2450.5") * Fraction("1.79766")  # indirect does not count for steel
    assert owed.against_default is not None


@pytest.mark.parametrize("name", ["country", "cn", "period", "see_direct", "net_mass"])
def test_an_attestation_that_says_too_little_is_refused(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        declaration_entry({key: value for key, value in ITEMS.items() if key != name}, **PROOF)
    assert caught.value.id == "declaration-item-missing"
    assert name in caught.value.found


@pytest.mark.parametrize(
    "change", [{"see_direct": "abc"}, {"see_direct": ["1", 2]}, {"precursors": "none"}, {"precursors": [3]}]
)
def test_items_in_another_form_are_refused(change: dict[str, Json]) -> None:
    with pytest.raises(Malformed):
        declaration_entry({**ITEMS, **change}, **PROOF)


@pytest.mark.parametrize(
    ("cell", "safe"),
    [("=1+1", "'=1+1"), ("-5.2", "-5.2"), ("@x", "'@x"), ("plain", "plain"), ("-cmd", "'-cmd")],
)
def test_cells_that_a_spreadsheet_would_run_are_quoted(cell: str, safe: str) -> None:
    assert spreadsheet_safe(cell) == safe
