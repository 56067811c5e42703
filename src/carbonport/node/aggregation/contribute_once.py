"""The contributor's own register: a quantity of a period goes into one sum, ever, whoever coordinates.

Two sums over cohorts that differ in one member tell that member's value. No coordinator, holder or plan can rule that
out across plans, so each contributor does it for itself: what it once contributed it never contributes again, under
whatever name. A quantity counts by its place in the ledger, so a metric that is a sum counts as all its parts; a period
counts by its days, so a year counts as its quarters and a quarter as part of the year.

A second time needs proof that the first came to nothing: the closing certificate of its attempt. What was shown to a
releaser is used up all the same: it may go into another attempt of that plan, but into no other plan. And a node that
was restored from a backup has forgotten what it gave since: quantities of periods that begin before the restore stay
refused until its operator states that the register is complete again: rebuilt from what counterparties hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from carbonport.errors import Malformed, Refused


@dataclass(frozen=True, slots=True)
class Quantity:
    """A ledger quantity of one installation, over the days from `start` to `end`, both included."""

    installation: str
    path: str
    start: date
    end: date

    def overlaps(self, other: "Quantity") -> bool:
        """Whether both tell of the same quantity on at least one day."""
        same = (self.installation, self.path) == (other.installation, other.path)
        return same and self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True)
class ContributedQuantity:
    """What was contributed, to which attempt of which plan (its digest), whether that attempt was closed without an
    answer, and whether the plan has a releaser, to whom the value was shown."""

    quantity: Quantity
    plan: str
    attempt: int
    closed: bool = False
    shown: bool = False

    def allows(self, plan: str, attempt: int) -> bool:
        """Whether the same quantity may go into this attempt of this plan."""
        if self.plan == plan:
            return self.closed or self.attempt == attempt
        return self.closed and not self.shown


@dataclass(frozen=True, slots=True)
class Register:
    """All entries, and the day of the last restore from a backup that was not made good, if there was one."""

    entries: tuple[ContributedQuantity, ...] = ()
    restored_on: date | None = None

    def contribute(
        self, quantities: Iterable[Quantity], *, plan: str, attempt: int, shown: bool = False
    ) -> "Register":
        """The register with these quantities, to be made durable before anything leaves; `shown` if the plan has a
        releaser.

        Raises `Refused` (`aggregation-contributed-before`, `aggregation-after-restore`) when one of them may not go.
        The same attempt of the same plan again changes nothing: its contribution is stored and sent again as it is.
        """
        wanted = tuple(quantities)
        for quantity in wanted:
            if self.restored_on is not None and quantity.start <= self.restored_on:
                raise _after_restore(quantity)
            for entry in self.entries:
                if entry.quantity.overlaps(quantity) and not entry.allows(plan, attempt):
                    raise _before(quantity, entry)
        new = [ContributedQuantity(quantity, plan, attempt, shown=shown) for quantity in wanted]
        return replace(self, entries=(*self.entries, *(entry for entry in new if entry not in self.entries)))

    def close(self, plan: str, attempt: int) -> "Register":
        """The register after a closing certificate of this attempt was checked."""
        return replace(
            self,
            entries=tuple(
                replace(entry, closed=True) if (entry.plan, entry.attempt) == (plan, attempt) else entry
                for entry in self.entries
            ),
        )

    def missing(self, entries: Iterable[ContributedQuantity]) -> tuple[ContributedQuantity, ...]:
        """Those of the entries, each once, that the register forgot in a restore; whether they are closed is not
        compared."""
        known = {(entry.quantity, entry.plan, entry.attempt) for entry in self.entries}
        asked = {(entry.quantity, entry.plan, entry.attempt): entry for entry in entries}
        return tuple(entry for key, entry in asked.items() if key not in known)


def interval_of(period: str) -> tuple[date, date]:
    """First and last day of an ISO 8601 interval of days."""
    first, _, last = period.partition("/")
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        start, end = date.max, date.min
    if start > end:
        raise Malformed(
            "aggregation-period",
            found="a period that is no interval of days",
            expected="its first and last day, such as 2026-01-01/2026-12-31",
            remedy="Ask the coordinator for a corrected plan.",
        )
    return start, end


def _before(quantity: Quantity, entry: ContributedQuantity) -> Refused:
    return Refused(
        "aggregation-contributed-before",
        found=f"{quantity.path}, which went into attempt {entry.attempt} of plan {entry.plan[:16]} for "
        f"{entry.quantity.start} to {entry.quantity.end}",
        expected="a quantity and period that never went into a sum",
        remedy="Do not contribute: two sums may tell your value by their difference. If that attempt failed for good, "
        "give its closing certificate first.",
        where=quantity.installation,
    )


def _after_restore(quantity: Quantity) -> Refused:
    return Refused(
        "aggregation-after-restore",
        found=f"{quantity.path} of a period that begins before this node was restored from a backup",
        expected="a register that knows everything that was ever contributed",
        remedy="Rebuild it with `carbonport aggregate register rebuild` from what coordinators hold, or contribute a "
        "later period.",
        where=quantity.installation,
    )
