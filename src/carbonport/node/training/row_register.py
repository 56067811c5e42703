"""What this node gave to trainings: a row enters the sums of a task once, ever, whoever coordinates.

Two sums over cohorts, or over rows, that differ a little tell that little. No coordinator and no holder can rule that
out across plans, so each member does it for itself. A row counts by the good and the days it tells of, so a year counts
as its months. The same statistics among exactly the same members are no new sums and may go again; with noise a further
training of the same rows is charged to the privacy budget instead.

A node that was restored from a backup has forgotten what it gave since: rows of days up to the restore stay refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import Refused
from carbonport.federated.privacy_budget import Charge
from carbonport.node.exporter.approvals import count_use
from carbonport.node.restored import read_restore
from carbonport.node.store.exchange_schema import approvals
from carbonport.node.store.training_schema import training_entries as entries
from carbonport.node.store.training_schema import training_rows as rows
from carbonport.node.training.ledger_rows import RowKey
from carbonport.node.training.plan import MAX_PLAN_BYTES
from carbonport.node.training.privacy_charges import require_budget, write_charge


@dataclass(frozen=True, slots=True)
class GivenTraining:
    """A training that this node gave its statistics to: the plan's digest, the members, the hash of the rows' values,
    whether noise was in it, and which rows they were."""

    plan: str
    task: str
    members: tuple[str, ...]
    statistics: str
    noised: bool
    keys: tuple[RowKey, ...]


def given_trainings(connection: Connection, task: str | None = None) -> tuple[GivenTraining, ...]:
    """Every training (of one task) that this node gave to, the oldest first."""
    query = select(entries).order_by(entries.c.entered_at, entries.c.plan)
    if task is not None:
        query = query.where(entries.c.task == task)
    return tuple(
        GivenTraining(
            row.plan,
            row.task,
            _members(bytes(row.members)),
            row.statistics,
            bool(row.noised),
            _keys(connection, row.plan),
        )
        for row in connection.execute(query).all()
    )


@dataclass(frozen=True, slots=True)
class TrainingClaim:
    """What a training uses up: its rows, its approval, its noise. The condition of the first contribution's log entry,
    and the write beside it (`carbonport.node.training.permission.Claim`).

    `minimum` is the plan's minimum cohort, `charge` None without noise; `now` is when it was claimed.
    """

    given: GivenTraining
    approval: str
    minimum: int
    yearly: Decimal
    now: int
    charge: Charge | None = field(default=None)

    def require(self, connection: Connection) -> None:
        """Refuse unless all of it is free, or was taken by this very claim before."""
        if self._entered(connection):
            return
        row = connection.execute(select(approvals).where(approvals.c.approval == self.approval)).first()
        if row is None or row.uses >= row.uses_allowed or row.expires_at <= self.now:
            raise _not_approved()
        if self.charge is not None:
            require_budget(connection, self.charge, self.yearly)
            return
        self._require_first(connection)

    def enter(self, connection: Connection, _index: int) -> None:
        """Write it down, in the transaction that logs the crossing."""
        if self._entered(connection):
            return
        count_use(connection, self.approval, now=self.now)
        if self.charge is not None:
            write_charge(connection, self.charge, self.yearly, now=self.now)
        given = self.given
        members: Json = list(given.members)
        connection.execute(
            insert(entries).values(
                plan=given.plan,
                task=given.task,
                members=canonical_bytes(members),
                statistics=given.statistics,
                noised=int(given.noised),
                entered_at=self.now,
            )
        )
        for key in given.keys:
            connection.execute(
                insert(rows).values(
                    plan=given.plan,
                    installation=key.installation,
                    process=key.process,
                    cn=key.cn,
                    first_day=key.start.isoformat(),
                    last_day=key.end.isoformat(),
                )
            )

    def _entered(self, connection: Connection) -> bool:
        row = connection.execute(select(entries).where(entries.c.plan == self.given.plan)).first()
        if row is None:
            return False
        same = (_members(bytes(row.members)), row.statistics) == (self.given.members, self.given.statistics)
        if not same:
            raise _differencing(self.given.plan, "other members or other rows than it began with")
        return True

    def _require_first(self, connection: Connection) -> None:
        mine = self.given
        restore = read_restore(connection)
        if restore is not None:
            restored_on = datetime.fromtimestamp(restore.at, UTC).date()
            if any(key.start <= restored_on for key in mine.keys):
                raise _after_restore()
        for before in given_trainings(connection, mine.task):
            if before.noised or not any(key.overlaps(old) for key in mine.keys for old in before.keys):
                continue
            apart = len(set(before.members) ^ set(mine.members))
            if not apart and before.statistics == mine.statistics:
                continue  # the same sums once more
            if apart < self.minimum:
                raise _differencing(
                    before.plan, f"{apart} other members, or other rows" if apart else "other rows"
                )
            raise _given_before(before.plan)


def _members(content: bytes) -> tuple[str, ...]:
    listed = parse_canonical(content, max_bytes=MAX_PLAN_BYTES)
    assert isinstance(listed, list), "this module wrote the row"
    return tuple(str(name) for name in listed)


def _keys(connection: Connection, plan: str) -> tuple[RowKey, ...]:
    found = connection.execute(select(rows).where(rows.c.plan == plan))
    return tuple(
        sorted(
            RowKey(
                row.installation,
                row.process,
                row.cn,
                date.fromisoformat(row.first_day),
                date.fromisoformat(row.last_day),
            )
            for row in found
        )
    )


def sorted_members(members: Sequence[str]) -> tuple[str, ...]:
    """Members as entries compare them."""
    return tuple(sorted(set(members)))


def _differencing(plan: str, found: str) -> Refused:
    return Refused(
        "training-differencing",
        found=f"{found}, compared with plan {plan[:16]}",
        expected="exactly the same members and rows again, or rows that were in no training of this task",
        remedy="Do not take part: two sums tell by their difference what lies between them. Wait for rows of a later "
        "period, or take part with noise.",
    )


def _given_before(plan: str) -> Refused:
    return Refused(
        "training-contributed-before",
        found=f"rows that went into plan {plan[:16]} of the same task, among others",
        expected="rows that were in no training of this task",
        remedy="Wait for rows of a later period, or take part with noise.",
    )


def _after_restore() -> Refused:
    return Refused(
        "training-after-restore",
        found="rows of days up to the restore of this node from a backup",
        expected="a register that knows everything that was ever given",
        remedy="Take part with rows of a later period, or with noise in a later year.",
    )


def _not_approved() -> Refused:
    return Refused(
        "approval-spent",
        found="an approval that has expired or was used for this training already",
        expected="an approval that still holds",
        remedy="Ask the exporter for a new approval.",
    )
