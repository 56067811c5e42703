"""What an importer asked for and received, as its store keeps it."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Misuse
from carbonport.node.store.exchange_schema import bundles, queries

MAX_QUERY_BYTES = 64 * 1024
"""Largest stored query."""

FETCH_ID_DOMAIN = "carbonport/fetch-id/v1"
"""Domain of the ids of fetches."""

FETCH_ID_BYTES = 16
"""Length of a fetch id, written in lowercase hex."""

ASKED = "asked"
"""State of a query that no answer came to."""

COMPLETE, PROVISIONAL, REVOKED, UNWITNESSED = "complete", "provisional", "revoked", "unwitnessed"
"""States of a bundle: a provisional one waits for a quorum of witnesses, of a revoked one the attestation or the
statement was withdrawn since it was received, or the consignment given back; an unwitnessed one rests on a lot that the
statement names no witness for."""


@dataclass(frozen=True, slots=True)
class Query:
    """One request of this node to an exporter; `state` is `asked` until the exporter has answered."""

    request_id: str
    exporter: str
    content: Json
    state: str
    attestation: str
    reason: str

    @property
    def consignment_key(self) -> bytes:
        """The public key that was made for the consignment."""
        assert isinstance(self.content, dict), "this node wrote the query"
        return bytes.fromhex(str(self.content["consignment_key"]))


@dataclass(frozen=True, slots=True)
class ReceivedBundle:
    """What a fetch brought: disclosure and receipt as received, and the bundle made of them."""

    fetch_id: str
    request_id: str
    attestation: str
    state: str
    disclosure: bytes
    receipt: bytes
    bundle: bytes
    received_at: int


def keep_query(connection: Connection, request_id: str, exporter: str, content: Json, *, now: int) -> None:
    """Keep a query before it is sent; a repeated one must be the same."""
    known = connection.execute(select(queries).where(queries.c.request == request_id)).first()
    data = canonical_bytes(content)
    if known is None:
        connection.execute(
            insert(queries).values(
                request=request_id,
                exporter=exporter,
                content=data,
                state=ASKED,
                attestation="",
                reason="",
                asked_at=now,
            )
        )
    elif (known.exporter, bytes(known.content)) != (exporter, data):
        raise Misuse(
            "query-id-reused",
            found="another query under a request id that was used before",
            expected="the same query, or a fresh request id",
            remedy="Leave --request-id out for a new query.",
            where=request_id,
        )


def unanswered(connection: Connection, exporter: str, content: Json) -> str:
    """The request id under which exactly this was asked of the exporter without an answer yet; empty when it was not.

    A command that broke off and is run again repeats its request instead of making a second one.
    """
    row = connection.execute(
        select(queries.c.request)
        .where(
            queries.c.exporter == exporter,
            queries.c.state == ASKED,
            queries.c.content == canonical_bytes(content),
        )
        .order_by(queries.c.asked_at.desc())
    ).first()
    return "" if row is None else str(row.request)


def next_fetch_id(connection: Connection, request_id: str) -> str:
    """The id of the next fetch of a request: the same until a bundle of it was kept.

    A fetch that broke off anywhere is thereby repeated, and finds the exporter's first entry; it is guessed by nobody
    who does not know the request id.
    """
    count = connection.execute(
        select(func.count()).select_from(bundles).where(bundles.c.request == request_id)
    ).scalar_one()
    return tuple_hash(FETCH_ID_DOMAIN, request_id, count)[:FETCH_ID_BYTES].hex()


def answered(connection: Connection, request_id: str, *, state: str, attestation: str, reason: str) -> None:
    """Keep what the exporter answered."""
    connection.execute(
        update(queries)
        .where(queries.c.request == request_id)
        .values(state=state, attestation=attestation, reason=reason)
    )


def query_of(connection: Connection, request_id: str) -> Query:
    """The query of this request id."""
    row = connection.execute(select(queries).where(queries.c.request == request_id)).first()
    if row is None:
        raise Misuse(
            "query-unknown",
            found="no query of this request id",
            expected="a request that this node made",
            remedy="Run `carbonport query` first; it prints the request id.",
            where=request_id[:40],
        )
    content = parse_canonical(bytes(row.content), max_bytes=MAX_QUERY_BYTES)
    return Query(row.request, row.exporter, content, row.state, row.attestation, row.reason)


def bundle_of_fetch(connection: Connection, fetch_id: str) -> ReceivedBundle | None:
    """The bundle that this fetch brought, if it was received."""
    row = connection.execute(select(bundles).where(bundles.c.fetch == fetch_id)).first()
    return None if row is None else _bundle(row)


def newest_bundle(connection: Connection, request_id: str) -> ReceivedBundle | None:
    """The last bundle received for a request."""
    row = connection.execute(
        select(bundles).where(bundles.c.request == request_id).order_by(bundles.c.received_at.desc())
    ).first()
    return None if row is None else _bundle(row)


def add_bundle(connection: Connection, received: ReceivedBundle) -> None:
    """Keep what was received; runs in the transaction of the importer's own log entry."""
    connection.execute(
        insert(bundles).values(
            fetch=received.fetch_id,
            request=received.request_id,
            attestation=received.attestation,
            state=received.state,
            disclosure=received.disclosure,
            receipt=received.receipt,
            bundle=received.bundle,
            received_at=received.received_at,
        )
    )


def replace_bundle(
    connection: Connection, fetch_id: str, *, state: str, receipt: bytes, bundle: bytes
) -> None:
    """Keep a bundle with fresher parts (status tokens, a receipt with the quorum) in the place of an earlier one."""
    connection.execute(
        update(bundles).where(bundles.c.fetch == fetch_id).values(state=state, receipt=receipt, bundle=bundle)
    )


def _bundle(row: Row[tuple[object, ...]]) -> ReceivedBundle:
    return ReceivedBundle(
        row.fetch,
        row.request,
        row.attestation,
        row.state,
        bytes(row.disclosure),
        bytes(row.receipt),
        bytes(row.bundle),
        row.received_at,
    )
