"""The register of contributions in the store: read as a whole, written in the transaction of the crossing's log
entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, insert, select, update

from carbonport.node.aggregation.contribute_once import ContributedQuantity, Quantity, Register
from carbonport.node.restored import read_restore
from carbonport.node.store.aggregation_schema import aggregation_contributions as rows
from carbonport.node.store.facts import read_fact, write_fact

REGISTER_COMPLETE = "contribution_register_complete"
"""Fact: the restore (unix seconds) after which the operator stated that the register has everything again. A later
restore needs a statement of its own."""


def read_register(connection: Connection) -> Register:
    """Everything this node ever contributed, and whether a restore may have lost some of it."""
    restore = read_restore(connection)
    found = connection.execute(select(rows).order_by(rows.c.installation, rows.c.path, rows.c.first_day))
    return Register(
        tuple(
            ContributedQuantity(
                Quantity(
                    row.installation,
                    row.path,
                    date.fromisoformat(row.first_day),
                    date.fromisoformat(row.last_day),
                ),
                row.plan,
                row.attempt,
                bool(row.closed),
                bool(row.shown),
            )
            for row in found
        ),
        None
        if restore is None or read_fact(connection, REGISTER_COMPLETE) == str(restore.at)
        else datetime.fromtimestamp(restore.at, UTC).date(),
    )


def bring_back(connection: Connection, entries: Sequence[ContributedQuantity]) -> int:
    """Enter what a restore forgot, and close what was closed; says how many entries are new."""
    missing = read_register(connection).missing(entries)
    for entry in missing:
        _insert(connection, entry)
    for entry in entries:
        if entry.closed:
            close_attempt(connection, entry.plan, entry.attempt)
    return len(missing)


def declare_complete(connection: Connection) -> None:
    """The operator's word that nothing is missing since the last restore."""
    restore = read_restore(connection)
    assert restore is not None, "only a restored register can be declared complete"
    write_fact(connection, REGISTER_COMPLETE, str(restore.at))


@dataclass(frozen=True, slots=True)
class MayContribute:
    """The condition of a contribution's crossing: none of its quantities ever went into another sum."""

    quantities: tuple[Quantity, ...]
    plan: str
    attempt: int
    shown: bool = False
    """Whether a releaser is shown them."""

    def require(self, connection: Connection) -> None:
        """Refuse otherwise."""
        read_register(connection).contribute(
            self.quantities, plan=self.plan, attempt=self.attempt, shown=self.shown
        )

    def enter(self, connection: Connection, _index: int) -> None:
        """Write them down, in the transaction that logs the crossing."""
        for quantity in self.quantities:
            _insert(connection, ContributedQuantity(quantity, self.plan, self.attempt, shown=self.shown))


def close_attempt(connection: Connection, plan: str, attempt: int) -> None:
    """Free what went into an attempt, after its closing certificate was checked."""
    connection.execute(update(rows).where(rows.c.plan == plan, rows.c.attempt == attempt).values(closed=1))


def _insert(connection: Connection, entry: ContributedQuantity) -> None:
    connection.execute(
        insert(rows).values(
            installation=entry.quantity.installation,
            path=entry.quantity.path,
            first_day=entry.quantity.start.isoformat(),
            last_day=entry.quantity.end.isoformat(),
            plan=entry.plan,
            attempt=entry.attempt,
            closed=int(entry.closed),
            shown=int(entry.shown),
        )
    )
