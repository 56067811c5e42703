"""How many refusals one importer may cause: each is a decision that the log keeps for years.

Of one importer's requests so many are refused a day (UTC), each with its entry. Beyond that its new requests are turned
away undecided, before anything is composed, and one more entry says so for all of them. Nothing leaves by this way, so
nothing that leaves is unlogged; a request that is known already has its answer all the same. The count is read from
the requests themselves: it is the same for every process over the store, and after a restart. Requests that come at
the same moment may each be the last: the bound is exceeded by as many at most as the node serves at once.
"""

import hashlib
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from carbonport.crypto.log_entry import EntryType
from carbonport.node.exporter.inbox import AttestationRequest, RequestState
from carbonport.node.exporter.log_fields import refusal_fields
from carbonport.node.log.draft import Draft
from carbonport.node.store.exchange_schema import requests
from carbonport.node.transport.rich_errors import Overloaded

MAX_REFUSED_A_DAY = 200
"""Refused requests of one importer on one day; an entry with its body takes some 3 kB, so this is 0.6 MB a day."""

SECONDS_PER_DAY = 86_400

EXCHANGE_ID_BYTES = 16
"""Length of an exchange id."""


def day_of(now: int) -> int:
    """The day (UTC, counted from 1970) of a time in unix seconds."""
    return now // SECONDS_PER_DAY


def is_reached(connection: Connection, importer: str, *, now: int) -> bool:
    """Whether as many requests of this importer were refused today as are."""
    refused = connection.execute(
        select(func.count())
        .select_from(requests)
        .where(
            requests.c.importer == importer,
            requests.c.state == RequestState.REFUSED,
            requests.c.changed_at >= day_of(now) * SECONDS_PER_DAY,
        )
    ).scalar_one()
    return refused >= MAX_REFUSED_A_DAY


def turned_away(request: AttestationRequest, *, now: int) -> Draft:
    """The one entry of an importer and day that stands for all requests turned away."""
    key = hashlib.sha256(f"turned away\n{request.importer}\n{day_of(now)}".encode()).digest()
    until = datetime.fromtimestamp(_next_day(now), UTC).isoformat()
    reason = f"{MAX_REFUSED_A_DAY} requests refused on one day: further ones are turned away undecided until {until}"
    return Draft(
        type=EntryType.REFUSAL,
        exchange=key[:EXCHANGE_ID_BYTES].hex(),
        request_digest=key,
        fields=refusal_fields(request.importer, request.purpose, reason, None),
    )


def too_many(now: int) -> Overloaded:
    """What the importer is told."""
    return Overloaded(
        "request-refusals",
        found=f"{MAX_REFUSED_A_DAY} requests of this importer refused today",
        expected="fewer requests that are refused",
        remedy="Ask for what the exporter gives, or speak to it; requests are taken again from midnight UTC.",
        retry_after_s=_next_day(now) - now,
    )


def _next_day(now: int) -> int:
    return (day_of(now) + 1) * SECONDS_PER_DAY
