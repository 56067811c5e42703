"""The register of contributions in the store: read as a whole, written in the transaction of the crossing's log
entry."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, insert, select, update

from carbonport.node.aggregation.contribute_once import ContributedQuantity, Quantity, Register
from carbonport.node.restored import read_restore
from carbonport.node.store.aggregation_schema import aggregation_contributions as rows


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
        None if restore is None else datetime.fromtimestamp(restore.at, UTC).date(),
    )


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
            connection.execute(
                insert(rows).values(
                    installation=quantity.installation,
                    path=quantity.path,
                    first_day=quantity.start.isoformat(),
                    last_day=quantity.end.isoformat(),
                    plan=self.plan,
                    attempt=self.attempt,
                    closed=0,
                    shown=int(self.shown),
                )
            )


def close_attempt(connection: Connection, plan: str, attempt: int) -> None:
    """Free what went into an attempt, after its closing certificate was checked."""
    connection.execute(update(rows).where(rows.c.plan == plan, rows.c.attempt == attempt).values(closed=1))
