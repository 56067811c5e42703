"""Verified attestations as entries of the declaration's set (2547 Annex IV 1.2), in CSV and JSON.

Takes the items of attestations whose bundles were verified; checking them is the caller's (`carbonport
verify`), and the entry names the attestation and the statement it rests on. What an importer does not get
through this exchange (totals, activity level, coordinates: they go to the registry) stands under
`not_received`, never as zero. Not the declaration itself: that is made in the registry.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.line_rules import RuleFinder

ANNEX_IV_FIELDS: Mapping[str, str] = {
    "operator": "operator",
    "installation": "installation_name",
    "registry_id": "registration_code",
    "unlocode": "unlocode",
    "street": "street",
    "city": "city",
    "country": "country",
    "latitude": "latitude",
    "longitude": "longitude",
    "process": "process_name",
    "routes": "route",
    "cn": "cn",
    "product": "product_name",
    "period_start": "period",
    "period_end": "period",
    "see_direct_tco2e_per_t": "see_direct",
    "default_share": "default_share",
    "see_indirect_tco2e_per_t": "see_indirect",
    "sefa_tco2e_per_t": "sefa",
    "installation_direct_emissions_t": "installation_direct_emissions",
    "process_direct_emissions_t": "attributed_direct",
    "consignment": "consignment",
    "net_mass_t": "net_mass",
    "verification_opinion": "verification_opinion",
}
"""Columns of the set, each with the attested item it comes from."""

PRECURSOR_FIELDS = (
    "cn",
    "name",
    "country",
    "basis",
    "see_direct",
    "see_indirect",
    "period",
    "operator",
    "installation",
)
"""What the set says of a precursor, where it was attested."""

REQUIRED = ("country", "cn", "period", "see_direct", "net_mass")
"""Items without which an entry says nothing."""

MAX_ENTRIES = 100_000
"""Entries of one set."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that a spreadsheet would read as a formula: such texts get an apostrophe in front in CSV."""


@dataclass(frozen=True, slots=True)
class DeclarationEntry:
    """One attested consignment. `values` by column of `ANNEX_IV_FIELDS` (texts), `precursors` by
    `PRECURSOR_FIELDS`; `attestation` and `statement` are the ids the values rest on."""

    values: Mapping[str, str]
    precursors: tuple[Mapping[str, str], ...]
    not_received: tuple[str, ...]
    attestation: str
    statement: str
    issuer: str


def declaration_entry(
    items: Mapping[str, Json], *, attestation: str, statement: str, issuer: str
) -> DeclarationEntry:
    """The entry of one verified attestation from its disclosed `items`; `Malformed` when it says too little."""
    absent = [name for name in REQUIRED if name not in items]
    if absent:
        raise Malformed(
            "declaration-item-missing",
            found=f"an attestation without {', '.join(absent)}",
            expected=f"the items {', '.join(REQUIRED)}",
            remedy="Ask the exporter for an attestation of these items.",
            where=attestation,
        )
    values: dict[str, str] = {}
    for column, item in ANNEX_IV_FIELDS.items():
        text = _text(column, items.get(item))
        if text:
            values[column] = text
    for column in ("see_direct_tco2e_per_t", "see_indirect_tco2e_per_t", "default_share", "net_mass_t"):
        if column in values:
            parse_decimal(values[column], where=f"attestation {attestation}, {column}")
    return DeclarationEntry(
        values=values,
        precursors=_precursors(items.get("precursors")),
        not_received=tuple(column for column in ANNEX_IV_FIELDS if column not in values),
        attestation=attestation,
        statement=statement,
        issuer=issuer,
    )


def import_line_of(
    entry: DeclarationEntry, finder: RuleFinder, *, year: int, price: Decimal, route: str = ""
) -> ImportLine:
    """The line of imports that an attested consignment is: what it owes with actual values.

    `route` is the letter of 2025/2620, which an attestation does not carry (its routes are in words).
    """
    where = f"attestation {entry.attestation}"
    indirect = entry.values.get("see_indirect_tco2e_per_t")
    counts = finder.scope_of(entry.values["cn"]).indirect
    return ImportLine(
        cn=entry.values["cn"],
        origin=entry.values["country"],
        tonnes=parse_decimal(entry.values["net_mass_t"], where=where),
        year=year,
        price=price,
        route=route,
        see_direct=parse_decimal(entry.values["see_direct_tco2e_per_t"], where=where),
        see_indirect=parse_decimal(indirect, where=where) if indirect and counts else None,
    )


def declaration_json(entries: Sequence[DeclarationEntry], *, year: int, versions: Mapping[str, str]) -> Json:
    """The set as data, with the year of import and the versions of the tables in use."""
    _bounded(entries)
    return {
        "form": "carbonport/declaration-set/v1",
        "source": "Implementing Regulation (EU) 2025/2547 Annex IV 1.2",
        "year": year,
        "tables": dict(versions),
        "entries": [
            {
                "attestation": entry.attestation,
                "statement": entry.statement,
                "issuer": entry.issuer,
                **entry.values,
                "precursors": [dict(precursor) for precursor in entry.precursors],
                "not_received": list(entry.not_received),
            }
            for entry in entries
        ],
    }


def declaration_csv(entries: Sequence[DeclarationEntry]) -> str:
    """The set as CSV: a row per entry, precursors in one cell each as `field=value; ...`."""
    _bounded(entries)
    most = max((len(entry.precursors) for entry in entries), default=0)
    columns = [
        "attestation",
        "statement",
        "issuer",
        *ANNEX_IV_FIELDS,
        *(f"precursor_{number}" for number in range(1, most + 1)),
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for entry in entries:
        precursors = [
            "; ".join(f"{name}={value}" for name, value in precursor.items())
            for precursor in entry.precursors
        ]
        cells = [
            entry.attestation,
            entry.statement,
            entry.issuer,
            *(entry.values.get(column, "") for column in ANNEX_IV_FIELDS),
            *precursors,
            *[""] * (most - len(precursors)),
        ]
        writer.writerow([spreadsheet_safe(cell) for cell in cells])
    return text.getvalue()


def spreadsheet_safe(cell: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would take it for a formula; numbers stay."""
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        Decimal(cell)
    except ArithmeticError:
        return f"'{cell}"
    return cell


def _text(column: str, value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and column.startswith("period_"):
        return _text(column, value.get(column.removeprefix("period_")))
    if isinstance(value, Mapping) and isinstance(value.get("value"), str):
        return str(value["value"])
    if isinstance(value, Sequence) and all(isinstance(each, str) for each in value):
        return "; ".join(str(each) for each in value)
    raise _unreadable(column)


def _precursors(value: Json) -> tuple[Mapping[str, str], ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _unreadable("precursors")
    found: list[Mapping[str, str]] = []
    for each in value:
        if not isinstance(each, Mapping):
            raise _unreadable("precursors")
        found.append(
            {name: _text(name, each[name]) for name in PRECURSOR_FIELDS if each.get(name) is not None}
        )
    return tuple(found)


def _bounded(entries: Sequence[DeclarationEntry]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise Malformed(
            "declaration-too-large",
            found=f"{len(entries)} entries",
            expected=f"at most {MAX_ENTRIES}",
            remedy="Export the year in several sets.",
        )


def _unreadable(column: str) -> Malformed:
    return Malformed(
        "declaration-item-unreadable",
        found=f"an item for {column} in a form that is not known",
        expected="a text, a figure with its unit, or a list of texts",
        remedy="Export it with the version that made the attestation, or a newer one.",
    )
