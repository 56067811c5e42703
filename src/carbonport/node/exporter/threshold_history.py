"""Which published values buyers were admitted to ask about, as the store keeps it: the memory of the gate.

A value counts from the moment it is admitted, before the result is looked at. The first admitted one of a buyer, good
and period is the only one: the database's own key keeps two that come at once apart, on every node over the same store.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from carbonport.footprint.obligation.published_values import PublishedValue
from carbonport.node.exporter.inbox import AttestationRequest
from carbonport.node.store.threshold_schema import threshold_claims


@dataclass(frozen=True, slots=True)
class ClaimedGood:
    """What a claim is about: one good of one period, for one buyer."""

    importer: str
    cn: str
    period_start: str
    period_end: str


def claimed_good(request: AttestationRequest) -> ClaimedGood:
    """What a request for a claim is about."""
    return ClaimedGood(request.importer, request.cn, request.period_start, request.period_end)


def admitted_places(connection: Connection, good: ClaimedGood) -> tuple[str, ...]:
    """The places of the published values that were ever admitted: one, or none."""
    rows = connection.execute(select(threshold_claims.c.place).where(_is(good)))
    return tuple(str(row.place) for row in rows)


def count_admitted(connection: Connection, good: ClaimedGood, value: PublishedValue, *, now: int) -> bool:
    """Count that `value` was asked and admitted; False when another value was before, whoever asks at the same time."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        insert(threshold_claims)
        .values(
            importer=good.importer,
            cn=good.cn,
            period_start=good.period_start,
            period_end=good.period_end,
            place=value.place,
            value=value.value,
            asked=0,
            first_asked_at=now,
            last_asked_at=now,
        )
        .on_conflict_do_nothing()
    )
    counted = connection.execute(
        update(threshold_claims)
        .where(_is(good), threshold_claims.c.place == value.place)
        .values(asked=threshold_claims.c.asked + 1, last_asked_at=now)
    )
    return counted.rowcount == 1


def times_asked(connection: Connection, good: ClaimedGood) -> int:
    """How often a buyer's value was admitted."""
    return connection.execute(select(threshold_claims.c.asked).where(_is(good))).scalar_one_or_none() or 0


def _is(good: ClaimedGood) -> ColumnElement[bool]:
    columns = threshold_claims.c
    return and_(
        columns.importer == good.importer,
        columns.cn == good.cn,
        columns.period_start == good.period_start,
        columns.period_end == good.period_end,
    )
