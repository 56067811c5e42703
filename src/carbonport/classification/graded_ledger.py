"""The graded ledger: every record and fact of a footprint ledger with its class, its grade and the reason.

The grade comes from the grading table by class and field. A person may raise the grade of one path, never
lower it. What an exchange adds (the consignment's mass, the verifier's opinion) enters here too, and under no
class but `customs` and `certificate`: nothing of the plant can be relabelled on the way to the gate.
"""

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from carbonport.classification.field_classes import FieldClass, FieldRule, GradingTable
from carbonport.classification.forms import Form, Role
from carbonport.classification.grades import Grade
from carbonport.errors import Misuse
from carbonport.footprint.ledger import DataQuality, Fact, Ledger, Record, Source

EXCHANGE_CLASSES = frozenset({FieldClass.CUSTOMS, FieldClass.CERTIFICATE})
"""Classes of what an exchange may add to a graded ledger."""

NET_MASS_DECIMALS = 6
"""Decimals of a consignment's net mass in tonnes: grams."""

NET_MASS_BITS = 48
"""Width of a net mass in grams: 281 million tonnes."""

CONSIGNMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""An importer's own name for a consignment; a path of the ledger is made of it."""


@dataclass(frozen=True, slots=True)
class GradedEntry:
    """A record or fact with the rule that applies to it and its grade (the rule's, or a raised one)."""

    entry: Record | Fact
    rule: FieldRule
    grade: Grade
    reason: str

    @property
    def path(self) -> str:
        """Where it stands in the ledger."""
        return self.entry.path

    @property
    def field_class(self) -> FieldClass:
        """The class that the table knows it under; `unknown` when it knows none."""
        return self.rule.field_class

    def hidden_from(self, role: Role, *, approved: bool) -> bool:
        """Whether the table keeps the value itself from `role`, or the grade was raised for this ledger."""
        raised = self.grade.rank > self.rule.grade.rank
        return raised or not self.rule.permits(role, Form.RAW, approved=approved)


@dataclass(frozen=True)
class GradedLedger:
    """A ledger, its entries by path with their grades, and the table they come from.

    `plant` are the ledger's own entries; `entries` are these and what an exchange has added.
    """

    ledger: Ledger
    table: GradingTable
    plant: Mapping[str, GradedEntry]
    entries: Mapping[str, GradedEntry]

    def counts(self) -> Mapping[Grade, int]:
        """How many entries stand at each grade."""
        counts = dict.fromkeys(Grade, 0)
        for entry in self.entries.values():
            counts[entry.grade] += 1
        return counts

    def records(self) -> Iterable[GradedEntry]:
        """The entries that are figures."""
        return (entry for entry in self.entries.values() if isinstance(entry.entry, Record))

    def with_exchange_entries(self, *added: Record | Fact) -> "GradedLedger":
        """This ledger with what an exchange states: customs records and certificate facts, at new paths."""
        graded = {entry.path: _grade(entry, self.table) for entry in added}
        for path, entry in graded.items():
            if entry.field_class not in EXCHANGE_CLASSES or path in self.entries or len(graded) != len(added):
                raise Misuse(
                    "graded-ledger-addition",
                    found=f"the class {entry.field_class} or a path that is taken",
                    expected="a customs or certificate field that the table knows, at a path of its own",
                    remedy="Plant data enter through the ledger; an exchange adds its own facts only.",
                    where=path,
                )
        # An exchange adds two or three entries to a ledger of up to 10^5: chained, never copied.
        return replace(self, entries=ChainMap(graded, self.entries))  # type: ignore[arg-type]

    def with_consignment(self, name: str, net_mass_t: Decimal, document: str) -> "GradedLedger":
        """This ledger with the consignment `name` of `net_mass_t` tonnes, as the request `document` states
        it."""
        if CONSIGNMENT_NAME.fullmatch(name) is None:
            raise Misuse(
                "consignment-name",
                found="a name with other characters, or a longer one",
                expected="1 to 64 letters, digits, dots, underscores and hyphens, no mark first",
                remedy="Give the consignment a plain name.",
            )
        if not net_mass_t.is_finite() or net_mass_t <= 0 or net_mass_t >= (1 << NET_MASS_BITS):
            raise Misuse(
                "consignment-net-mass",
                found="no positive finite mass",
                expected="tonnes, above 0",
                remedy="State the net mass of the consignment in tonnes.",
            )
        base = f"consignment/{name}"
        mass = Record(
            path=f"{base}/net_mass",
            field="net_mass",
            field_class=FieldClass.CUSTOMS,
            source_value=net_mass_t,
            source_unit="t",
            value=net_mass_t,
            unit="t",
            decimals=NET_MASS_DECIMALS,
            bits=NET_MASS_BITS,
            source=Source(document, "net_mass_t"),
            quality=DataQuality.MEASURED,
        )
        text = Fact(f"{base}/name", "consignment", FieldClass.CUSTOMS, name, Source(document, "consignment"))
        return self.with_exchange_entries(mass, text)

    def with_certificate(self, field: str, text: str, document: str) -> "GradedLedger":
        """This ledger with a fact of the verification, such as `verification_opinion` or `statement`."""
        source = Source(document, field)
        fact = Fact(f"certificate/{field}", field, FieldClass.CERTIFICATE, text, source)
        return self.with_exchange_entries(fact)


def graded_ledger(
    ledger: Ledger, table: GradingTable, *, raised: Mapping[str, Grade] | None = None
) -> GradedLedger:
    """Grade every record and fact of `ledger`; `raised` gives single paths a higher grade than the table."""
    raised = raised or {}
    entries: dict[str, GradedEntry] = {}
    stated: list[Record | Fact] = [*ledger.records.values(), *ledger.facts.values()]
    for entry in stated:
        if entry.path in entries:
            raise Misuse(
                "graded-ledger-duplicate-path",
                found="a record and a fact with one path",
                expected="one entry per path",
                remedy="Give one of them another path.",
                where=entry.path,
            )
        entries[entry.path] = _grade(entry, table)
    for path, grade in raised.items():
        known = entries.get(path)
        if known is None or grade.rank < known.grade.rank:
            raise Misuse(
                "graded-ledger-raise",
                found="a path that the ledger lacks, or a lower grade",
                expected="a path of the ledger and a grade at least as high as the table's",
                remedy="Lower a grade in the grading table, with a reason; a single path can only rise.",
                where=path,
            )
        if grade.rank > known.grade.rank:
            entries[path] = replace(
                known, grade=grade, reason=f"{known.reason} (raised to {grade} for this ledger)"
            )
    graded = MappingProxyType(entries)
    return GradedLedger(ledger, table, graded, graded)


def _grade(entry: Record | Fact, table: GradingTable) -> GradedEntry:
    rule = table.rule(entry.field_class, entry.field, entry.quality if isinstance(entry, Record) else None)
    return GradedEntry(entry, rule, rule.grade, rule.reason)
