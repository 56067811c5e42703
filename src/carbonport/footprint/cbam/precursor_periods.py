"""Whether a precursor's value is one for the installation's reporting period.

From 2026 on a precursor enters with its actual value only where an accredited verification report covers the
period (Implementing Regulation (EU) 2025/2547 Annex III); otherwise the default value applies. A value for
another time is therefore refused, one for a period that only overlaps is told. Values whose period nobody
states (the communication template has no cell for it) are left to the verifier.
"""

from collections.abc import Iterator

from carbonport.errors import Malformed
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.ledger import Ledger, Period, Precursor

COVERED = frozenset({"verified", "attested"})
"""Bases that say that a report covers the period."""


def require_precursor_periods(ledger: Ledger, scope: Scope) -> None:
    """Raise `Malformed` for a verified value of a time before or after the reporting period."""
    if scope is not Scope.DEFINITIVE:
        return
    for precursor in ledger.precursors:
        period = precursor.period
        if precursor.basis not in COVERED or period is None or _overlap(period, ledger.period):
            continue
        raise Malformed(
            "precursor-period",
            found=f"a {precursor.basis} value for {_text(period)}",
            expected=f"a value for the reporting period, {_text(ledger.period)}, or the default value",
            remedy="Get the supplier's value for the period, or state the basis default.",
            where=f"precursor {precursor.id}",
        )


def other_periods(ledger: Ledger) -> Iterator[tuple[Precursor, str]]:
    """Precursors whose values are for another period than the installation's, and a sentence about each."""
    for precursor in ledger.precursors:
        if precursor.period is not None and precursor.period != ledger.period:
            yield (
                precursor,
                f"its values are for {_text(precursor.period)}, the reporting period is {_text(ledger.period)}: "
                "the verifier decides whether they stand for it",
            )


def _overlap(one: Period, other: Period) -> bool:
    return one.start <= other.end and other.start <= one.end


def _text(period: Period) -> str:
    return f"{period.start} to {period.end}"
