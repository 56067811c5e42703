"""A person's approvals, as stored records: who approved, for which request and purpose, until when, for how many uses.

Uses are counted in the transaction of the crossing they allowed. One that has lapsed (expired, or used as often as it
allows) opens nothing and closes nothing: a person may approve the same request again, and the newest word counts.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from carbonport.errors import Refused
from carbonport.node.store.exchange_schema import approvals


@dataclass(frozen=True, slots=True)
class StoredApproval:
    """A person's approval of one request."""

    reference: str
    importer: str
    request_id: str
    purpose: str
    approved_by: str
    expires_at: int
    uses_allowed: int
    uses: int

    def holds(self, now: int) -> bool:
        """Whether it allows another use at `now` (unix seconds)."""
        return now < self.expires_at and self.uses < self.uses_allowed


def add_approval(connection: Connection, approval: StoredApproval, *, now: int) -> None:
    """Store a person's approval; it is the newest of its request, also within one second."""
    latest = connection.execute(
        select(func.max(approvals.c.approved_at)).where(
            approvals.c.importer == approval.importer, approvals.c.request == approval.request_id
        )
    ).scalar_one_or_none()
    connection.execute(
        insert(approvals).values(
            approval=approval.reference,
            importer=approval.importer,
            request=approval.request_id,
            purpose=approval.purpose,
            approved_by=approval.approved_by,
            approved_at=now if latest is None else max(now, latest + 1),
            expires_at=approval.expires_at,
            uses_allowed=approval.uses_allowed,
            uses=approval.uses,
        )
    )


def approval_for(connection: Connection, importer: str, request_id: str) -> StoredApproval | None:
    """The newest approval of a request, if a person gave one."""
    row = connection.execute(
        select(approvals)
        .where(approvals.c.importer == importer, approvals.c.request == request_id)
        .order_by(approvals.c.approved_at.desc())
    ).first()
    return None if row is None else _approval(row)


def newest_approvals(connection: Connection) -> dict[tuple[str, str], StoredApproval]:
    """The newest approval of every request that has one, by importer and request id."""
    rows = connection.execute(select(approvals).order_by(approvals.c.approved_at))
    return {(row.importer, row.request): _approval(row) for row in rows}


def count_use(connection: Connection, reference: str, *, now: int) -> None:
    """Count one use of an approval; refused when none is left or it has expired, whoever asks at the same time."""
    changed = connection.execute(
        update(approvals)
        .where(
            approvals.c.approval == reference,
            approvals.c.uses < approvals.c.uses_allowed,
            approvals.c.expires_at > now,
        )
        .values(uses=approvals.c.uses + 1)
    )
    if changed.rowcount != 1:
        raise spent()


def spent(where: str = "") -> Refused:
    """The error of an approval that has lapsed."""
    return Refused(
        "approval-spent",
        found="an approval that has expired or was used as often as it allows",
        expected="an approval that still holds",
        remedy="Ask the exporter to approve the same request again, then fetch again.",
        where=where,
    )


def _approval(row: Row[tuple[object, ...]]) -> StoredApproval:
    return StoredApproval(
        row.approval,
        row.importer,
        row.request,
        row.purpose,
        row.approved_by,
        row.expires_at,
        row.uses_allowed,
        row.uses,
    )
