"""Which scope applies to a period, and what counts for a good in it.

Transitional (Implementing Regulation (EU) 2023/1773): direct and indirect emissions of every good. Definitive
(from 2026, Regulation (EU) 2023/956 Annex II and 2547 Article 4): indirect emissions count for the goods that
the table of goods marks (cement, fertilisers, agglomerated ore 2601 12 00) and for no others.
"""

from enum import StrEnum

from carbonport.errors import Malformed
from carbonport.footprint.ledger import Period
from carbonport.footprint.tables.rule_tables import RuleTables, ScopeEntry

LAST_TRANSITIONAL_YEAR = 2025
"""Regulation (EU) 2023/956 Article 32: the transitional period ends on 31 December 2025."""


ELECTRICITY = "Electricity"
"""The sector of electricity as a good of its own."""


class Scope(StrEnum):
    """The period's rules."""

    TRANSITIONAL = "transitional"
    DEFINITIVE = "definitive"


def scope_of(period: Period) -> Scope:
    """Transitional for periods that end by 2025, else definitive."""
    return Scope.TRANSITIONAL if period.end.year <= LAST_TRANSITIONAL_YEAR else Scope.DEFINITIVE


def scope_entry(cn: str, tables: RuleTables, where: str = "") -> ScopeEntry:
    """The table's row for the CN code of a good; a code outside CBAM raises `Malformed`, at its place `where`."""
    entry = tables.goods.get(cn)
    if entry is None:
        raise Malformed(
            "good-out-of-scope",
            found=f"the CN code {cn[:20]!r}",
            expected=f"a CN-8 code in the scope of CBAM ({tables.versions['goods']})",
            remedy="Correct the code, or leave goods outside CBAM out of the ledger.",
            where=where,
        )
    return entry


def indirect_counts(entry: ScopeEntry, scope: Scope) -> bool:
    """Whether a good's own indirect emissions are part of what CBAM charges or reports; those of electricity
    as a good never are.
    """
    if scope is Scope.TRANSITIONAL:
        return entry.sector != ELECTRICITY
    return entry.indirect
