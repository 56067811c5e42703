"""Aggregated goods categories by the names that templates, tables and people give them.

Where a process or a precursor is known by its category only, the category says which sector it belongs to and
whether its indirect emissions count. Names are compared without case, plural and punctuation.
"""

import re
from functools import lru_cache

from carbonport.footprint.cbam.scope import ELECTRICITY
from carbonport.footprint.ledger import ProductionProcess
from carbonport.footprint.tables.rule_tables import RuleTables, ScopeEntry

ALIASES = {
    "alloy femn fecr feni": "femn",
    "ferro alloy": "femn",
    "electricity export to eu": "electricity",
    "calcinated clay": "calcined clay",
    "mixed fertilizer": "mixed fertiliser",
    "dri": "direct reduced iron",
}
"""Folded names that mean the same; the template V2.1 has one category for all ferro-alloys."""

ALLOYS = frozenset({"alloy femn fecr feni", "ferro alloy"})
"""The names of that one category."""


def category_entry(name: str, tables: RuleTables) -> ScopeEntry | None:
    """A good of the category called `name`, for its sector and scope; None when no category is called so."""
    wanted = _folded(name)
    return next((entry for category, entry in tables.categories.items() if _folded(category) == wanted), None)


def category_codes(name: str, tables: RuleTables) -> list[str]:
    """The CN codes of the goods in the category called `name`; of the template's one category for all ferro-alloys,
    those of all three."""
    entry = category_entry(name, tables)
    if entry is None:
        return []
    wanted = {entry.category}
    if _plain(name) in ALLOYS:
        wanted = {category for category in tables.categories if _folded(category) in ("femn", "fecr", "feni")}
    return [good.cn for good in tables.goods.values() if good.category in wanted]


def same_category(one: str, other: str) -> bool:
    """Whether two names mean one aggregated goods category."""
    return _folded(one) == _folded(other)


def makes_electricity(process: ProductionProcess, tables: RuleTables) -> bool:
    """Whether what `process` makes is electricity."""
    entry = category_entry(process.category, tables)
    return entry is not None and entry.sector == ELECTRICITY


@lru_cache(maxsize=256)
def _folded(name: str) -> str:
    plain = _plain(name)
    return ALIASES.get(plain, plain)


def _plain(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", name.casefold()).split()
    return " ".join(word.removesuffix("s") for word in words)
