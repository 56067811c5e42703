"""The catalogue: which fields a ledger may hold, and how each is classed, measured and declared.

The packaged catalogue can be replaced by a file of the user's (`Catalogue.load(path)`); it never changes for
a single value, because the precision of a number must not tell anything about it.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import bounded
from carbonport.footprint.ledger import DataQuality, Fact, Record, Source
from carbonport.footprint.tables.table_file import Table, packaged_table, user_table
from carbonport.footprint.units import Unit, convert, convertible, unit_named

CATALOGUE_COLUMNS = ("field", "class", "unit", "decimals", "bits", "label")

MAX_DECIMALS = 18
"""Declared decimals of a field; more would only widen commitments."""

MAX_BITS = 64
"""Declared width of a field; worst-case products of a calculation have to stay below the group order."""

MAX_TEXT_CHARACTERS = 500
"""Length of one fact."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How a numeric field is declared when its unit is `unit`."""

    unit: str
    parsed_unit: Unit
    decimals: int
    bits: int


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its class, its label for people, and its figures (none for a text)."""

    name: str
    field_class: str
    label: str
    figures: tuple[Figure, ...]

    @property
    def is_text(self) -> bool:
        """Whether the field holds a fact, not a figure."""
        return not self.figures


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The fields by name, and the version of the table they come from."""

    fields: Mapping[str, Field]
    version: str

    @classmethod
    def load(cls, path: Path | None = None) -> "Catalogue":
        """The packaged catalogue, or the one in the file `path`."""
        if path is None:
            return cls.from_table(packaged_table("catalogue.csv", CATALOGUE_COLUMNS))
        return cls.from_table(user_table(path, CATALOGUE_COLUMNS))

    @classmethod
    def from_table(cls, table: Table) -> "Catalogue":
        """A catalogue from table rows; `Malformed` names the field whose row cannot be meant."""
        fields: dict[str, Field] = {}
        for row in table.rows:
            name, where = row["field"], f"{table.name}, field {row['field']}"
            figure = _figure(row, where)
            known = fields.get(name)
            if known is not None and (figure is None or known.is_text or known.field_class != row["class"]):
                raise _bad_row(
                    where, "two rows that disagree", "one class per field, and one row per text field"
                )
            if known is not None and figure is not None:
                if any(convertible(figure.parsed_unit, other.parsed_unit) for other in known.figures):
                    raise _bad_row(where, "two rows with units of one kind", "one row per kind of unit")
                fields[name] = Field(name, known.field_class, known.label, (*known.figures, figure))
            else:
                if not name or not row["class"]:
                    raise _bad_row(where, "an empty name or class", "a name and a class")
                fields[name] = Field(name, row["class"], row["label"], () if figure is None else (figure,))
        return cls(MappingProxyType(fields), table.version)

    def field(self, name: str) -> Field:
        """The field called `name`; a field that the catalogue does not know is refused."""
        found = self.fields.get(name)
        if found is None:
            raise Malformed(
                "catalogue-field-unknown",
                found=f"a field {name[:60]!r} that the catalogue does not list",
                expected=f"a field of {self.version}",
                remedy="Correct the name, or add the field to a catalogue of your own.",
            )
        return found

    def record(
        self,
        path: str,
        field: str,
        source_value: Decimal,
        source_unit: str,
        source: Source,
        quality: DataQuality,
    ) -> Record:
        """One figure as a ledger record: converted exactly, checked against sign and declared width.

        `source_value` is in `source_unit`. Amounts are positive or zero: an output is an output by its
        stream's direction, never by its sign.
        """
        where = source.place
        entry = self.field(field)
        if entry.is_text:
            raise _misfit(where, "a number", f"text in the field {field}")
        bounded(source_value, where=where)
        unit = unit_named(source_unit, where=where)
        figure = next((figure for figure in entry.figures if convertible(unit, figure.parsed_unit)), None)
        if figure is None:
            # Say it with the first unit of the field: `convert` raises with both kinds named.
            convert(source_value, unit, entry.figures[0].parsed_unit, where=where)
            raise AssertionError("unreachable: convert refuses units of different kinds")
        value = bounded(convert(source_value, unit, figure.parsed_unit, where=where), where=where)
        if value < 0:
            raise Malformed(
                "number-negative",
                found=f"a negative {entry.label.lower()}",
                expected="zero or a positive figure; what leaves is marked by its direction, not by a sign",
                remedy="Correct the figure, or mark the stream as an output of a mass balance.",
                where=where,
            )
        if figure.parsed_unit.kind == "ratio" and value > 1:
            raise Malformed(
                "number-above-whole",
                found=f"a {entry.label.lower()} above 100 %",
                expected="a share between 0 and 1 (0 and 100 %)",
                remedy="Check whether the figure is in percent: 16 % is `16 %` or 0.16.",
                where=where,
            )
        record = Record(
            path=path,
            field=field,
            field_class=entry.field_class,
            source_value=source_value,
            source_unit=unit.name,
            value=value if value else Decimal(0),  # a minus zero is a zero
            unit=figure.unit,
            decimals=figure.decimals,
            bits=figure.bits,
            source=source,
            quality=quality,
        )
        if record.declared_integer >= 1 << figure.bits:
            raise Malformed(
                "number-too-wide",
                found=f"a {entry.label.lower()} beyond the field's declared width",
                expected=f"less than {Decimal(1 << figure.bits).scaleb(-figure.decimals):f} {figure.unit}",
                remedy="Check figure and unit; if both are right, widen the field in your own catalogue.",
                where=where,
            )
        return record

    def fact(self, path: str, field: str, text: str, source: Source) -> Fact:
        """One text as a ledger fact: trimmed, NFC, bounded, without control characters."""
        where = source.place
        entry = self.field(field)
        if not entry.is_text:
            raise _misfit(where, "text", f"a number in the field {field}")
        clean = unicodedata.normalize("NFC", text.strip())
        bad = any(unicodedata.category(character) in ("Cc", "Cs", "Cf", "Co", "Cn") for character in clean)
        if not clean or len(clean) > MAX_TEXT_CHARACTERS or bad:
            raise Malformed(
                "text-unusable",
                found="an empty or overlong text, or one with control characters",
                expected=f"1 to {MAX_TEXT_CHARACTERS} printable characters",
                remedy="Correct the text in its source.",
                where=where,
            )
        return Fact(path, field, entry.field_class, clean, source)


def _figure(row: Mapping[str, str], where: str) -> Figure | None:
    if not row["unit"]:
        if row["decimals"] or row["bits"]:
            raise _bad_row(
                where, "decimals or bits without a unit", "unit, decimals and bits, or none of them"
            )
        return None
    try:
        decimals, bits = int(row["decimals"]), int(row["bits"])
    except ValueError:
        raise _bad_row(where, "decimals or bits that are no whole numbers", "whole numbers") from None
    if not 0 <= decimals <= MAX_DECIMALS or not 1 <= bits <= MAX_BITS:
        raise _bad_row(
            where, "decimals or bits out of range", f"0-{MAX_DECIMALS} decimals, 1-{MAX_BITS} bits"
        )
    return Figure(row["unit"], unit_named(row["unit"], where=where), decimals, bits)


def _bad_row(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "catalogue-row",
        found=found,
        expected=expected,
        remedy="Correct the row of the catalogue.",
        where=where,
    )


def _misfit(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "catalogue-text-or-number",
        found=found,
        expected=expected,
        remedy="Put texts into text fields and figures into number fields.",
        where=where,
    )
