"""What was said or made in a session, durably: a record by session, kind and name, of which the first word stands.

Every role derives where it stands from its records alone, so that a process killed anywhere goes on where it was and
never contradicts itself. A session is named by the nonce of its plan, in hex.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from carbonport.errors import Refused
from carbonport.node.store.session_schema import session_records as records


@dataclass(frozen=True, slots=True)
class Record:
    """One thing to be kept. `kind` may name an attempt: `vote:0`."""

    kind: str
    name: str
    content: bytes


def keep(connection: Connection, session: str, record: Record, *, now: int) -> None:
    """Keep a record; the same again changes nothing, another in its place is `Refused` (`session-said-before`)."""
    known = find(connection, session, record.kind, record.name)
    if known is None:
        connection.execute(
            insert(records).values(
                session=session, kind=record.kind, name=record.name, content=record.content, kept_at=now
            )
        )
    elif known != record.content:
        raise said_before(record)


def find(connection: Connection, session: str, kind: str, name: str = "") -> bytes | None:
    """The record's content, if there is one."""
    found = connection.execute(
        select(records.c.content).where(
            records.c.session == session, records.c.kind == kind, records.c.name == name
        )
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def all_of(connection: Connection, session: str, kind: str) -> Mapping[str, bytes]:
    """Contents by name, in the order of the names."""
    rows = connection.execute(
        select(records.c.name, records.c.content)
        .where(records.c.session == session, records.c.kind == kind)
        .order_by(records.c.name)
    )
    return {row.name: bytes(row.content) for row in rows}


def names_of(connection: Connection, session: str, kind: str) -> frozenset[str]:
    """The names under a kind, without their contents."""
    rows = connection.execute(
        select(records.c.name).where(records.c.session == session, records.c.kind == kind)
    )
    return frozenset(row.name for row in rows)


def labels_of(connection: Connection, session: str, kinds: Collection[str]) -> frozenset[tuple[str, str]]:
    """Kind and name of every record of these kinds and of all their attempts, without the contents."""
    of_kinds = or_(*(_of_kind(kind) for kind in kinds))
    rows = connection.execute(
        select(records.c.kind, records.c.name).where(records.c.session == session, of_kinds)
    )
    return frozenset((row.kind, row.name) for row in rows)


def sessions_with(connection: Connection, kind: str) -> list[str]:
    """Sessions that have a record of this kind or of an attempt of it, the oldest first."""
    rows = connection.execute(
        select(records.c.session, records.c.kept_at)
        .where(_of_kind(kind))
        .order_by(records.c.kept_at, records.c.session)
    )
    return list(dict.fromkeys(row.session for row in rows))


def sessions_holding(connection: Connection, kinds: Collection[str]) -> set[str]:
    """Sessions that have a record of one of these kinds or of their attempts."""
    of_kinds = or_(*(_of_kind(kind) for kind in kinds))
    return {row.session for row in connection.execute(select(records.c.session).where(of_kinds).distinct())}


def drop(connection: Connection, session: str, kind: str) -> None:
    """Forget the records of a kind and of all its attempts (`vote`, `vote:0`, ...): what must not outlive its use."""
    connection.execute(delete(records).where(records.c.session == session, _of_kind(kind)))


def drop_all(connection: Connection, session: str) -> None:
    """Forget a session as if it had never been."""
    connection.execute(delete(records).where(records.c.session == session))


def kept_at(connection: Connection, session: str, kind: str) -> int | None:
    """When the first record of a kind was kept (unix seconds)."""
    return connection.execute(
        select(records.c.kept_at)
        .where(records.c.session == session, records.c.kind == kind)
        .order_by(records.c.kept_at)
    ).scalar()


def _of_kind(kind: str) -> ColumnElement[bool]:
    return or_(records.c.kind == kind, records.c.kind.startswith(f"{kind}:", autoescape=True))


def said_before(record: Record) -> Refused:
    """The refusal of a second, different word."""
    return Refused(
        "session-said-before",
        found=f"another {record.kind.partition(':')[0]} than was given before",
        expected="one word, which may be repeated",
        remedy="Send what was sent first; to say something else takes another attempt or plan.",
        where=record.name,
    )
